// The XDR types that several operations share, decoded from hostile bytes and encoded for replies.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/metadata.pb.h"
#include "proto/nfs4.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

// A component4. A name that no directory can hold is well-formed XDR: its status is the answer of
// the operation, and `bytes` is then empty.
struct Name {
  std::string bytes;
  nfsstat4 status = NFS4_OK;
};
Name DecodeName(xdr::Reader& reader);

// NFS4_OK, or why no entry can have this name: NFS4ERR_INVAL (empty), _NAMETOOLONG, _BADCHAR (a
// slash or a zero byte), _BADNAME ("." and ".."). Anything else goes, UTF-8 or not.
nfsstat4 CheckName(std::string_view name);

void DecodeStateid(xdr::Reader& reader, pb::Stateid* stateid);
void EncodeStateid(const pb::Stateid& stateid, xdr::Writer& writer);

// open_owner4 and lock_owner4. The client id on the wire is ignored: the session says whose it is
// (RFC 8881 8.8); the caller sets it.
void DecodeStateOwner(xdr::Reader& reader, pb::StateOwner* owner);

// nfs_lock_type4: true for WRITE_LT and WRITEW_LT. A blocking type asks nothing more of a server
// without callbacks. Other values fail the reader.
bool DecodeExclusiveLock(xdr::Reader& reader);

// OPEN and OPEN_DOWNGRADE (RFC 8881 18.16.1): one or both of read and write; none, either or both.
constexpr bool IsShareAccess(uint32_t access) {
  return access >= OPEN4_SHARE_ACCESS_READ && access <= OPEN4_SHARE_ACCESS_BOTH;
}
constexpr bool IsShareDeny(uint32_t deny) { return deny <= OPEN4_SHARE_DENY_BOTH; }

// The first that is not NFS4_OK.
nfsstat4 FirstError(std::initializer_list<nfsstat4> statuses);

void EncodeChangeInfo(const pb::ChangeInfo& change, xdr::Writer& writer);

// Sizes on the wire, for OperationInfo::max_reply_bytes.
inline constexpr uint32_t kStateidBytes = 4 + NFS4_OTHER_SIZE;
inline constexpr uint32_t kChangeInfoBytes = 4 + 8 + 8;
inline constexpr uint32_t kAttributeMaskBytes = 4 + 3 * 4;

}  // namespace openefs::nfs4
