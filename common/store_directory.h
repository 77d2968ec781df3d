// The directory of one role's state: who it belongs to, which version wrote it, and that one
// process at a time uses it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace openefs {

inline constexpr int kStoreVersion = 2;  // of everything below a data directory

class StoreDirectory {
 public:
  ~StoreDirectory();  // gives the lock back

  // Opens `path`, creating it if it is not there, and holds its lock (flock) until destroyed. An
  // empty directory is formatted: `identity` (such as {"role", "metadata"}, {"node", "1"},
  // {"cluster", hex}) is written durably. Otherwise it must be what is written there. Errors, each
  // one clear line:
  //   PERMISSION_DENIED    cannot be created or written
  //   FAILED_PRECONDITION  another version or another identity, not empty and not ours
  //   ALREADY_EXISTS       another process uses it (its pid, when known)
  static absl::StatusOr<std::unique_ptr<StoreDirectory>> Open(
      const std::string& path, const std::map<std::string, std::string>& identity);

  // For programs that look at a stopped role's state and change nothing: holds the lock of a
  // directory that has these identities, among others. NOT_FOUND: no data directory of openefs is
  // there; PERMISSION_DENIED, FAILED_PRECONDITION and ALREADY_EXISTS as Open.
  static absl::StatusOr<std::unique_ptr<StoreDirectory>> OpenForReading(
      const std::string& path, const std::map<std::string, std::string>& identity);

  const std::string& path() const { return path_; }
  bool formatted_now() const { return formatted_now_; }  // it was empty

  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;

 private:
  StoreDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  const std::string path_;
  const int lock_fd_;
  bool formatted_now_ = false;
};

}  // namespace openefs
