#include "cli/roles/cluster_id.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/random.h"

namespace openefs::cli {
namespace {

constexpr size_t kClusterIdBytes = 16;

absl::StatusOr<std::string> Parse(const std::string& path, absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  std::string id = absl::HexStringToBytes(text);
  if (text.size() == 2 * kClusterIdBytes && absl::BytesToHexString(id) == text) return id;
  return absl::FailedPreconditionError(
      absl::StrCat(path, " does not hold a cluster id (32 hex digits)"));
}

}  // namespace

absl::StatusOr<std::string> LoadOrCreateClusterId(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (text.ok()) return Parse(path, *text);
  if (!absl::IsNotFound(text.status())) return text.status();
  std::string id = SystemRandom::Get()->Bytes(kClusterIdBytes);
  absl::Status written = WriteFileDurably(path, absl::StrCat(absl::BytesToHexString(id), "\n"));
  if (!written.ok()) return written;
  return id;
}

}  // namespace openefs::cli
