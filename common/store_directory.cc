#include "common/store_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "common/files.h"

namespace openefs {
namespace {

// LOCK holds the pid of its holder and is never removed: a removed lock file could be locked
// twice. STORE says what the directory is; it is written last, so a directory without it is empty.
constexpr char kLockName[] = "LOCK";
constexpr char kStoreName[] = "STORE";
constexpr char kVersionKey[] = "openefs-store";

using Identity = std::map<std::string, std::string>;

absl::Status CannotWrite(const std::string& path, absl::string_view reason) {
  return absl::PermissionDeniedError(
      absl::StrCat("data directory ", path, " cannot be created or written: ", reason));
}

absl::Status NotOurs(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat("data directory ", path, " ", why));
}

// Makes the directory, its parents too, and their names durable.
absl::Status Create(const std::string& path) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(path, error);
  if (error) return CannotWrite(path, error.message());
  if (!std::filesystem::is_directory(path, error)) return CannotWrite(path, "not a directory");
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return CannotWrite(path, std::strerror(errno));
  }
  if (!created) return absl::OkStatus();
  const auto parent = std::filesystem::absolute(path).lexically_normal().parent_path();
  const absl::Status synced = SyncDirectory(parent.string());
  return synced.ok() ? synced : CannotWrite(path, synced.message());
}

// Names that do not make a directory foreign: ours while it is being formatted, and what a fresh
// ext4 file system has in its root.
bool IsHarmless(const std::string& name) {
  return name == kLockName || name == absl::StrCat(kStoreName, ".tmp") || name == "lost+found";
}

// What is in a directory without a STORE file and should not be.
absl::StatusOr<std::optional<std::string>> ForeignEntry(const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!IsHarmless(name)) return name;
  }
  if (error) return CannotWrite(path, error.message());
  return std::nullopt;
}

bool IsFormatted(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(absl::StrCat(path, "/", kStoreName), error) || error;
}

absl::Status CheckNotForeign(const std::string& path) {
  if (IsFormatted(path)) return absl::OkStatus();
  const absl::StatusOr<std::optional<std::string>> foreign = ForeignEntry(path);
  if (!foreign.ok()) return foreign.status();
  if (!foreign->has_value()) return absl::OkStatus();
  return NotOurs(path, absl::StrCat("is not empty (it has ", **foreign,
                                    ") and is not a data directory of openefs"));
}

std::string HolderOf(int lock_fd) {
  char text[32];
  const ssize_t got = ::pread(lock_fd, text, sizeof text, 0);
  const std::string pid(text, got > 0 ? static_cast<size_t>(got) : 0);
  const size_t end = pid.find_first_not_of("0123456789");
  return end == 0 || pid.empty() ? "" : absl::StrCat(" (pid ", pid.substr(0, end), ")");
}

// The pid is for people who read an error message; nothing depends on it, so a full disk does not
// keep a store from opening.
void WriteHolder(int lock_fd) {
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(lock_fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(lock_fd, pid.data(), pid.size(), 0);
}

// `flags`: O_RDWR | O_CREAT, or O_RDONLY.
absl::StatusOr<int> Lock(const std::string& path, int flags) {
  const std::string name = absl::StrCat(path, "/", kLockName);
  const int fd = ::open(name.c_str(), flags | O_CLOEXEC, 0640);
  if (fd < 0) return CannotWrite(path, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  const std::string holder = HolderOf(fd);
  ::close(fd);
  if (error != EWOULDBLOCK) return CannotWrite(path, std::strerror(error));
  return absl::AlreadyExistsError(
      absl::StrCat("data directory ", path, " is used by another process", holder));
}

std::string Encode(const Identity& identity) {
  std::string text = absl::StrCat(kVersionKey, "=", kStoreVersion, "\n");
  for (const auto& [key, value] : identity) {
    OPENEFS_CHECK(key.find_first_of("=\n") == std::string::npos && key != kVersionKey);
    OPENEFS_CHECK(value.find('\n') == std::string::npos);
    absl::StrAppend(&text, key, "=", value, "\n");
  }
  return text;
}

Identity Decode(const std::string& text) {
  Identity fields;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> field = absl::StrSplit(line, absl::MaxSplits('=', 1));
    fields.insert(field);
  }
  return fields;
}

// `whole`: nothing else may be written there.
absl::Status CheckIdentity(const std::string& path, const std::string& text,
                           const Identity& identity, bool whole) {
  Identity written = Decode(text);
  const std::string version = written[kVersionKey];
  if (version.empty()) return NotOurs(path, "has a damaged STORE file");
  if (version != absl::StrCat(kStoreVersion)) {
    return NotOurs(path, absl::StrCat("was written by store version ", version,
                                      "; this program reads version ", kStoreVersion));
  }
  written.erase(kVersionKey);
  for (const auto& [key, value] : identity) {
    if (written[key] == value) continue;
    return NotOurs(path, absl::StrCat("belongs to ", key, " \"", written[key],
                                      "\", this process is ", key, " \"", value, "\""));
  }
  if (whole && written.size() != identity.size())
    return NotOurs(path, "belongs to another kind of process");
  return absl::OkStatus();
}

}  // namespace

StoreDirectory::~StoreDirectory() { ::close(lock_fd_); }

absl::StatusOr<std::unique_ptr<StoreDirectory>> StoreDirectory::Open(const std::string& path,
                                                                     const Identity& identity) {
  if (const absl::Status created = Create(path); !created.ok()) return created;
  // Before the lock file is made: a foreign directory is left untouched.
  if (const absl::Status ours = CheckNotForeign(path); !ours.ok()) return ours;
  const absl::StatusOr<int> lock_fd = Lock(path, O_RDWR | O_CREAT);
  if (!lock_fd.ok()) return lock_fd.status();
  std::unique_ptr<StoreDirectory> store(new StoreDirectory(path, *lock_fd));
  WriteHolder(*lock_fd);

  const std::string name = absl::StrCat(path, "/", kStoreName);
  const absl::StatusOr<std::string> text = ReadSmallFile(name);
  if (text.ok()) {
    if (const absl::Status same = CheckIdentity(path, *text, identity, true); !same.ok())
      return same;
    return store;
  }
  if (!absl::IsNotFound(text.status())) return CannotWrite(path, text.status().message());
  if (const absl::Status ours = CheckNotForeign(path); !ours.ok()) return ours;
  const absl::Status written = WriteFileDurably(name, Encode(identity));
  if (!written.ok()) return CannotWrite(path, written.message());
  store->formatted_now_ = true;
  return store;
}

absl::StatusOr<std::unique_ptr<StoreDirectory>> StoreDirectory::OpenForReading(
    const std::string& path, const std::map<std::string, std::string>& identity) {
  const absl::StatusOr<std::string> text = ReadSmallFile(absl::StrCat(path, "/", kStoreName));
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(path, " is not a data directory of openefs"));
  }
  if (!text.ok()) return text.status();
  if (const absl::Status same = CheckIdentity(path, *text, identity, false); !same.ok()) {
    return same;
  }
  const absl::StatusOr<int> lock_fd = Lock(path, O_RDONLY);
  if (!lock_fd.ok()) return lock_fd.status();
  return std::unique_ptr<StoreDirectory>(new StoreDirectory(path, *lock_fd));
}

}  // namespace openefs
