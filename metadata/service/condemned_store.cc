#include "metadata/service/condemned_store.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/files.h"

namespace openefs::metadata {
namespace {

// Beside the store, not in it: what is in it belongs to the engine.
std::string MarkOf(const std::string& path) { return path + ".condemned"; }

}  // namespace

absl::Status CondemnStore(const std::string& path, const std::string& why) {
  if (ReadSmallFile(MarkOf(path)).ok()) return absl::OkStatus();
  return WriteFileDurably(MarkOf(path), why);
}

absl::Status CheckNotCondemned(const std::string& path) {
  const absl::StatusOr<std::string> why = ReadSmallFile(MarkOf(path));
  if (absl::IsNotFound(why.status())) return absl::OkStatus();
  if (!why.ok()) return why.status();
  return absl::FailedPreconditionError(absl::StrCat("store ", path, " is condemned: ", *why));
}

absl::Status PardonStore(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::remove(MarkOf(path), error) && !error) return absl::OkStatus();
  if (error) {
    return absl::InternalError(absl::StrCat("cannot remove ", MarkOf(path), ": ", error.message()));
  }
  return SyncDirectory(std::filesystem::absolute(path).parent_path().string());
}

}  // namespace openefs::metadata
