// Files as a program sees them, over an NfsClient: one COMPOUND per call, paths from the root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/server/support/nfs_client.h"

namespace openefs::testing {

using Stateid = std::string;  // 16 bytes, as on the wire

struct OpenedFile {
  nfs4::nfsstat4 status = nfs4::NFS4_OK;
  std::string handle;
  Stateid stateid;
};

struct FileInfo {
  nfs4::nfsstat4 status = nfs4::NFS4_OK;
  uint32_t type = 0;
  uint64_t change = 0;
  uint64_t size = 0;
  uint64_t fileid = 0;
  uint32_t mode = 0;
  uint32_t links = 0;
  std::string owner;
};

struct ReadBytes {
  nfs4::nfsstat4 status = nfs4::NFS4_OK;
  bool end = false;
  std::string bytes;
};

struct Listing {
  nfs4::nfsstat4 status = nfs4::NFS4_OK;
  std::vector<std::string> names;
  size_t pages = 0;
};

class FileClient {
 public:
  // Mounts as that owner.
  FileClient(uint16_t port, const std::string& owner);

  NfsClient& nfs() { return nfs_; }

  nfs4::nfsstat4 MakeDirectory(const std::string& path);
  nfs4::nfsstat4 MakeSymlink(const std::string& target, const std::string& path);
  std::pair<nfs4::nfsstat4, std::string> ReadSymlink(const std::string& path);
  nfs4::nfsstat4 Remove(const std::string& path);
  nfs4::nfsstat4 Rename(const std::string& from, const std::string& to);
  nfs4::nfsstat4 Link(const std::string& from, const std::string& to);
  nfs4::nfsstat4 Truncate(const std::string& path, uint64_t size);
  FileInfo Stat(const std::string& path);
  // All entries, by pages of at most this many bytes.
  Listing List(const std::string& path, uint32_t page_bytes);

  // For reading and writing; made if it is not there.
  OpenedFile Open(const std::string& path);
  // EXCLUSIVE4_1 with this verifier.
  OpenedFile OpenExclusive(const std::string& path, uint64_t verifier);
  nfs4::nfsstat4 Close(const OpenedFile& file);
  nfs4::nfsstat4 Write(const OpenedFile& file, uint64_t offset, std::string_view bytes);
  ReadBytes Read(const OpenedFile& file, uint64_t offset, uint32_t count);
  // Exclusive lock by a new owner of that name. The lock's stateid with NFS4_OK.
  std::pair<nfs4::nfsstat4, Stateid> Lock(const OpenedFile& file, const std::string& owner,
                                          uint64_t offset, uint64_t length);
  nfs4::nfsstat4 Unlock(const OpenedFile& file, const Stateid& lock, uint64_t offset,
                        uint64_t length);

  // What precedes an operation on a path: SEQUENCE and the way to it. A reply to be cached is a
  // small one.
  Compound At(const std::string& path, bool cache_this = true);

 private:
  OpenedFile OpenWith(const std::string& path, const Compound::Arguments& how);

  NfsClient nfs_;
};

}  // namespace openefs::testing
