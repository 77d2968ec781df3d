// File handles: opaque to clients, authenticated, the same on every front-end and for ever
// (FH4_PERSISTENT, RFC 8881 4.2.3).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "proto/common.pb.h"
#include "proto/nfs4.h"
#include "server/nfs4/siphash.h"

namespace openefs::nfs4 {

// Any thread. The MAC keeps clients from making up handles: it is what stands between a client and
// a file below a directory it may not search.
class FileHandleCodec {
 public:
  // version and three zero bytes | file system | inode (shard in its top bits) | generation | MAC
  static constexpr size_t kBytes = 4 + 8 + 8 + 4 + 8;
  static constexpr uint8_t kVersion = 1;
  using Bytes = std::array<char, kBytes>;

  // `key`: ClusterSecrets.handle_key, 16 bytes.
  explicit FileHandleCodec(std::string_view key) : key_(MakeSipHashKey(key)) {}

  Bytes Encode(const pb::FileRef& file) const;

  // NFS4ERR_BADHANDLE: not a handle this cluster has given out. Whether the file still exists is
  // the metadata's to say.
  nfsstat4 Decode(std::string_view handle, pb::FileRef* file) const;

  // The file system a handle claims to be of, unchecked; ~0 for what has not even the length.
  static uint64_t ClaimedFileSystem(std::string_view handle);

 private:
  const SipHashKey key_;
};

}  // namespace openefs::nfs4
