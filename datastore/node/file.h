// The few file calls a data node makes, as an interface, so that tests can lose, tear and corrupt
// what was not synced.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace openefs::datastore {

// A page, and a multiple of every disk's sector.
inline constexpr size_t kDirectAlign = 4096;

// One open file. Reads may run on any thread, beside one writer.
class File {
 public:
  virtual ~File() = default;

  // Writes all of `pieces` one after the other from `offset` on. RESOURCE_EXHAUSTED: no space, some
  // of it may be written. INTERNAL: anything else.
  virtual absl::Status WriteAt(uint64_t offset, std::vector<iovec> pieces) = 0;

  // Reads up to `size` bytes; fewer only at the end of the file. INTERNAL: a read error.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t size) = 0;

  // The same without ever waiting for a disk. UNAVAILABLE: it would have to, or cannot tell.
  virtual absl::StatusOr<size_t> ReadCached(uint64_t offset, char* out, size_t size) = 0;

  // How many of these bytes are in memory, counted by whole pages. None: it cannot be told. Unlike
  // ReadCached it does not make the kernel begin to read what is not.
  virtual std::optional<uint64_t> CachedBytes(uint64_t offset, uint64_t size) = 0;

  // As ReadAt, past the page cache: straight into `out`, and nothing is put out of memory for it.
  // `offset`, `size` and `out` are multiples of kDirectAlign. UNIMPLEMENTED: not with this file.
  virtual absl::StatusOr<size_t> ReadDirect(uint64_t offset, char* out, size_t size) = 0;

  // fdatasync. After an error nothing is known of what was written since the last success.
  virtual absl::Status Sync() = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;

  // Makes the file `size` bytes long, with zeros and with the space for them taken, if the file
  // system can do that. Only ever a gain in speed: writes that do not change the file's size sync
  // in half the time.
  virtual void Preallocate(uint64_t size) = 0;

  virtual absl::StatusOr<uint64_t> Size() = 0;

  // Lets go of clean cached pages, so that the next read sees what the disk has.
  virtual void DropCache() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // For reading and writing; made if it is not there.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // Names in a directory, in no order. The directory is made if it is not there.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // What an unprivileged process may still write there.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) = 0;
};

FileSystem* PosixFileSystem();

}  // namespace openefs::datastore
