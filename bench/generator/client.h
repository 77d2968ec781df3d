// Calls of one NFS client as a workload makes them: each is one COMPOUND like the Linux client's,
// its answer decoded and checked. A failed call's status names the operation and the NFS error:
// NOT_FOUND for NFS4ERR_NOENT, ALREADY_EXISTS for NFS4ERR_EXIST, DATA_LOSS for an answer that is
// not what it should be, FAILED_PRECONDITION for other NFS errors. On the session's thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/generator/compound.h"
#include "bench/generator/session.h"
#include "bench/generator/task.h"

namespace openefs::bench {

struct Attributes {
  uint32_t type = 0;
  uint64_t change = 0;
  uint64_t size = 0;
  uint64_t fileid = 0;
};

struct Found {
  FileHandle handle;
  Attributes attributes;
};

struct OpenFile {
  FileHandle handle;
  Stateid stateid;
  Attributes attributes;
  uint64_t incarnation = 0;  // of the session: another one does not know the stateid
};

struct DirectoryEntry {
  std::string name;
  uint32_t type = 0;
  uint64_t size = 0;
};

struct DirectoryPage {
  std::vector<DirectoryEntry> entries;
  uint64_t cookie = 0;  // where the next page begins
  uint64_t verifier = 0;
  bool end = false;
};

struct WriteResult {
  uint32_t count = 0;
  uint32_t committed = 0;
  uint64_t verifier = 0;
};

class Client {
 public:
  explicit Client(Session* session) : session_(*session) {}

  Session& session() { return session_; }

  // Directories and names. `path` is walked from the root; empty parts are left out.
  Task<absl::StatusOr<FileHandle>> LookupPath(std::string path);
  Task<absl::StatusOr<Found>> Lookup(FileHandle directory, std::string name);
  // Whether there is nothing of that name.
  Task<absl::Status> LookupMissing(FileHandle directory, std::string name);
  // One that is there already is as good.
  Task<absl::StatusOr<FileHandle>> MakeDirectory(FileHandle parent, std::string name);
  Task<absl::Status> Remove(FileHandle directory, std::string name);
  // Several in one COMPOUND; those that are not there are passed over.
  Task<absl::Status> RemoveAll(FileHandle directory, std::vector<std::string> names);
  Task<absl::Status> Rename(FileHandle from_directory, std::string from, FileHandle to_directory,
                            std::string to);
  Task<absl::StatusOr<DirectoryPage>> ReadDir(FileHandle directory, uint64_t cookie,
                                              uint64_t verifier, uint32_t max_bytes);
  // The bytes of all files below a directory, as their sizes say.
  Task<absl::StatusOr<uint64_t>> TreeBytes(FileHandle directory);
  // A directory with all that is below it; one that is not there is as good.
  Task<absl::Status> RemoveTree(FileHandle parent, std::string name);

  Task<absl::StatusOr<Attributes>> GetAttr(FileHandle handle);
  Task<absl::StatusOr<uint32_t>> Access(FileHandle handle, uint32_t wanted);
  // FATTR4_LEASE_TIME of the root.
  Task<absl::StatusOr<uint32_t>> LeaseSeconds();

  // Files. `owner` is the open owner; opens of one owner and file share a stateid (RFC 8881 9.1.4).
  Task<absl::StatusOr<OpenFile>> Open(FileHandle directory, std::string name, std::string owner,
                                      OpenHow how);
  Task<absl::Status> Close(OpenFile file);
  // All `count` bytes, or DATA_LOSS.
  Task<absl::StatusOr<Buffer>> Read(const OpenFile& file, uint64_t offset, uint32_t count);
  // All of `data`, or DATA_LOSS.
  Task<absl::StatusOr<WriteResult>> Write(const OpenFile& file, uint64_t offset, uint32_t stable,
                                          BufferList data);
  // The whole file as far as it is written unstably; its verifier.
  Task<absl::StatusOr<uint64_t>> Commit(FileHandle handle);

  // A write lock for `owner` under an open; its stateid.
  Task<absl::StatusOr<Stateid>> Lock(const OpenFile& file, std::string owner, uint64_t offset,
                                     uint64_t length);
  Task<absl::StatusOr<Stateid>> LockAgain(const OpenFile& file, Stateid lock, uint64_t offset,
                                          uint64_t length);
  Task<absl::StatusOr<Stateid>> Unlock(const OpenFile& file, Stateid lock, uint64_t offset,
                                       uint64_t length);

 private:
  Task<absl::StatusOr<std::vector<DirectoryEntry>>> ListAll(FileHandle directory);
  Task<void> RemoveEntries(FileHandle directory, std::vector<DirectoryEntry> entries,
                           absl::Status* result);

  Session& session_;
};

}  // namespace openefs::bench
