#include "server/nfs4/ops/arguments.h"

#include "common/limits.h"

namespace openefs::nfs4 {
namespace {

// Names far longer than any file system's are still names (NFS4ERR_NAMETOOLONG); this is only where
// they stop being worth the bytes. No record is longer.
constexpr uint32_t kMaxWireNameBytes = kMaxIoBytes;

}  // namespace

nfsstat4 CheckName(std::string_view name) {
  if (name.empty()) return NFS4ERR_INVAL;
  if (name.size() > kMaxNameBytes) return NFS4ERR_NAMETOOLONG;
  if (name.find_first_of(std::string_view("/\0", 2)) != name.npos) return NFS4ERR_BADCHAR;
  if (name == "." || name == "..") return NFS4ERR_BADNAME;
  return NFS4_OK;
}

Name DecodeName(xdr::Reader& reader) {
  const std::string_view bytes = reader.Opaque(kMaxWireNameBytes);
  Name name;
  name.status = CheckName(bytes);
  if (name.status == NFS4_OK) name.bytes = bytes;
  return name;
}

void DecodeStateid(xdr::Reader& reader, pb::Stateid* stateid) {
  stateid->set_seqid(reader.U32());
  const std::string_view other = reader.FixedOpaque(NFS4_OTHER_SIZE);
  stateid->set_other(other.data(), other.size());
}

void EncodeStateid(const pb::Stateid& stateid, xdr::Writer& writer) {
  std::string other = stateid.other();
  other.resize(NFS4_OTHER_SIZE);
  writer.U32(stateid.seqid());
  writer.FixedOpaque(other);
}

void DecodeStateOwner(xdr::Reader& reader, pb::StateOwner* owner) {
  reader.U64();
  const std::string_view bytes = reader.Opaque(NFS4_OPAQUE_LIMIT);
  owner->set_owner(bytes.data(), bytes.size());
}

bool DecodeExclusiveLock(xdr::Reader& reader) {
  switch (reader.U32()) {
    case READ_LT:
    case READW_LT:
      return false;
    case WRITE_LT:
    case WRITEW_LT:
      return true;
    default:
      reader.Fail();
      return false;
  }
}

nfsstat4 FirstError(std::initializer_list<nfsstat4> statuses) {
  for (nfsstat4 status : statuses) {
    if (status != NFS4_OK) return status;
  }
  return NFS4_OK;
}

void EncodeChangeInfo(const pb::ChangeInfo& change, xdr::Writer& writer) {
  writer.Bool(true);  // before and after come from one apply
  writer.U64(change.before());
  writer.U64(change.after());
}

}  // namespace openefs::nfs4
