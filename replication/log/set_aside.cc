#include "replication/log/set_aside.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/files.h"
#include "common/log.h"
#include "replication/log/segment.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "damaged-";

absl::Status IoError(absl::string_view doing, const std::string& path,
                     const std::error_code& error) {
  return absl::InternalError(
      absl::StrCat("raft log: cannot ", doing, " ", path, ": ", error.message()));
}

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    names.push_back(entry.path().filename().string());
  }
  if (error) return IoError("list", directory, error);
  return names;
}

// Of the directories that were set aside, ascending.
absl::StatusOr<std::vector<uint64_t>> SetAsideIn(const std::string& directory) {
  const auto names = NamesIn(directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (absl::string_view name : *names) {
    uint64_t number = 0;
    if (absl::ConsumePrefix(&name, kPrefix) && absl::SimpleAtoi(name, &number)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> SegmentsIn(const std::string& directory) {
  const auto names = NamesIn(directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    const uint64_t number = std::strtoull(name.c_str(), nullptr, 16);
    if (name == Segment::FileName(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::Status SetSegmentsAside(const std::string& directory) {
  const auto segments = SegmentsIn(directory);
  if (!segments.ok()) return segments.status();
  const auto before = SetAsideIn(directory);
  if (!before.ok()) return before.status();
  const uint64_t number = before->empty() ? 1 : before->back() + 1;
  const std::string to = absl::StrCat(directory, "/", kPrefix, number);
  std::error_code error;
  fs::create_directory(to, error);
  if (error) return IoError("create", to, error);
  for (const uint64_t segment : *segments) {
    const std::string name = Segment::FileName(segment);
    fs::rename(absl::StrCat(directory, "/", name), absl::StrCat(to, "/", name), error);
    if (error) return IoError("set aside", absl::StrCat(directory, "/", name), error);
  }
  Log(LogLevel::kError, "raft.log_set_aside", {{"directory", to}, {"segments", segments->size()}});
  if (auto status = SyncDirectory(to); !status.ok()) return status;
  return SyncDirectory(directory);
}

absl::Status PruneSetAside(const std::string& directory) {
  const auto numbers = SetAsideIn(directory);
  if (!numbers.ok()) return numbers.status();
  for (size_t i = 0; i + kMaxSetAside < numbers->size(); ++i) {
    const std::string path = absl::StrCat(directory, "/", kPrefix, (*numbers)[i]);
    std::error_code error;
    fs::remove_all(path, error);
    if (error) return IoError("remove", path, error);
  }
  return absl::OkStatus();
}

}  // namespace openefs::replication
