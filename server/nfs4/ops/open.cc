// OPEN (RFC 8881 18.16): all create modes, by name and by file handle. No delegations.
#include "server/nfs4/attributes.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

// RFC 8881 18.16.1: what may stand in share_access beside the access itself.
constexpr uint32_t kWantWhenBits = 0x30000;  // WANT_SIGNAL_DELEG_WHEN_..., WANT_PUSH_DELEG_WHEN_...
constexpr uint32_t kWantBits = OPEN4_SHARE_ACCESS_WANT_DELEG_MASK | kWantWhenBits;
constexpr uint32_t kWantNoDelegation = 0x0400;
constexpr uint32_t kWantCancel = 0x0500;

// why_no_delegation4
constexpr uint32_t kNotWanted = 0;
constexpr uint32_t kNotSupportedForFileType = 3;
constexpr uint32_t kCancelled = 7;

// Byte-range locks are POSIX's, and an unlinked file stays as long as it is open.
constexpr uint32_t kResultFlags = OPEN4_RESULT_LOCKTYPE_POSIX | OPEN4_RESULT_PRESERVE_UNLINKED;

class Open final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {
      OP_OPEN, "OPEN", OperationKind::kMetadata, true,
      kStateidBytes + kChangeInfoBytes + 4 + kAttributeMaskBytes + 8};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  nfsstat4 DecodeShare(xdr::Reader& reader);
  nfsstat4 DecodeHow(xdr::Reader& reader);
  nfsstat4 DecodeCreateHow(xdr::Reader& reader);
  nfsstat4 DecodeClaim(xdr::Reader& reader);
  nfsstat4 DecodeNameClaim(xdr::Reader& reader);
  AttributeMask AttributesSet(const pb::OpenResult& result) const;
  void EncodeNoDelegation(xdr::Writer& reply) const;

  pb::Open open_;
  AttributesToSet attributes_;
  uint32_t want_ = 0;
};

std::unique_ptr<Operation> Open::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Open>();
  reader.U32();  // seqid: not used in 4.1
  const nfsstat4 share = operation->DecodeShare(reader);
  DecodeStateOwner(reader, operation->open_.mutable_owner());
  const nfsstat4 how = operation->DecodeHow(reader);
  const nfsstat4 claim = operation->DecodeClaim(reader);
  operation->argument_status_ = FirstError({share, claim, how});
  return operation;
}

nfsstat4 Open::DecodeShare(xdr::Reader& reader) {
  const uint32_t access = reader.U32();
  want_ = access & kWantBits;
  open_.set_share_access(access & ~kWantBits);
  open_.set_share_deny(reader.U32());
  return IsShareAccess(open_.share_access()) && IsShareDeny(open_.share_deny()) ? NFS4_OK
                                                                                : NFS4ERR_INVAL;
}

nfsstat4 Open::DecodeHow(xdr::Reader& reader) {
  const uint32_t how = reader.U32();
  if (how == OPEN4_CREATE) return DecodeCreateHow(reader);
  if (how != OPEN4_NOCREATE) reader.Fail();
  return NFS4_OK;
}

nfsstat4 Open::DecodeCreateHow(xdr::Reader& reader) {
  switch (reader.U32()) {
    case UNCHECKED4:
      open_.set_create_mode(pb::Open::UNCHECKED);
      break;
    case GUARDED4:
      open_.set_create_mode(pb::Open::GUARDED);
      break;
    case EXCLUSIVE4:  // of 4.0, allowed in 4.1: no attributes
      open_.set_create_mode(pb::Open::EXCLUSIVE);
      open_.set_verifier(reader.U64());
      return NFS4_OK;
    case EXCLUSIVE4_1:
      open_.set_create_mode(pb::Open::EXCLUSIVE);
      open_.set_verifier(reader.U64());
      break;
    default:
      reader.Fail();
      return NFS4_OK;
  }
  attributes_ = DecodeAttributesToSet(reader);
  *open_.mutable_attributes() = attributes_.change;
  return attributes_.status;
}

// RFC 8881 18.16.3: there is no grace period to reclaim in (state outlives front-ends and leaders),
// and no delegation was ever given that could be claimed.
nfsstat4 Open::DecodeClaim(xdr::Reader& reader) {
  pb::Stateid delegation;
  switch (reader.U32()) {
    case CLAIM_NULL:
      return DecodeNameClaim(reader);
    case CLAIM_FH:
      open_.set_claim(pb::Open::CURRENT_FILE);
      return open_.create_mode() == pb::Open::NO_CREATE ? NFS4_OK : NFS4ERR_INVAL;
    case CLAIM_PREVIOUS:
      reader.U32();
      return NFS4ERR_NO_GRACE;
    case CLAIM_DELEGATE_CUR:
      DecodeStateid(reader, &delegation);
      DecodeName(reader);
      return NFS4ERR_BAD_STATEID;
    case CLAIM_DELEG_CUR_FH:
      DecodeStateid(reader, &delegation);
      return NFS4ERR_BAD_STATEID;
    case CLAIM_DELEGATE_PREV:
      DecodeName(reader);
      return NFS4ERR_RECLAIM_BAD;
    case CLAIM_DELEG_PREV_FH:
      return NFS4ERR_RECLAIM_BAD;
    default:
      reader.Fail();
      return NFS4_OK;
  }
}

nfsstat4 Open::DecodeNameClaim(xdr::Reader& reader) {
  Name name = DecodeName(reader);
  open_.set_claim(pb::Open::NULL_NAME);
  open_.set_name(std::move(name.bytes));
  return name.status;
}

void Open::Plan(CompoundContext& context, pb::Operation* operation) {
  pb::Open* open = operation->mutable_open();
  *open = open_;
  open->mutable_owner()->set_client_id(context.client_id);
}

// Opening a file that was there sets nothing but its size, to zero (RFC 8881 18.16.3); an exclusive
// create that is tried again finds its own file, which has them all.
AttributeMask Open::AttributesSet(const pb::OpenResult& result) const {
  if (result.created()) return attributes_.mask;
  if (!result.attributes_applied()) return {};
  if (open_.create_mode() == pb::Open::EXCLUSIVE) return attributes_.mask;
  AttributeMask size;
  size.Add(FATTR4_SIZE);
  return attributes_.mask & size;
}

nfsstat4 Open::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeStateid(result.open().stateid(), reply);
  EncodeChangeInfo(result.open().change(), reply);
  reply.U32(kResultFlags);
  EncodeAttributeMask(AttributesSet(result.open()), reply);
  EncodeNoDelegation(reply);
  return NFS4_OK;
}

// RFC 8881 18.16.3: who said what they want is told why they do not get it.
void Open::EncodeNoDelegation(xdr::Writer& reply) const {
  const uint32_t wanted = want_ & OPEN4_SHARE_ACCESS_WANT_DELEG_MASK;
  if (wanted == 0) {
    reply.U32(OPEN_DELEGATE_NONE);
    return;
  }
  reply.U32(OPEN_DELEGATE_NONE_EXT);
  reply.U32(wanted == kWantNoDelegation ? kNotWanted
            : wanted == kWantCancel     ? kCancelled
                                        : kNotSupportedForFileType);
}

nfsstat4 Open::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  if (open_.claim() == pb::Open::CURRENT_FILE) return NFS4ERR_ISDIR;
  if (FindFileSystem(*context.services, open_.name()) != 0) return NFS4ERR_ISDIR;
  return open_.create_mode() == pb::Open::NO_CREATE ? NFS4ERR_NOENT : NFS4ERR_ROFS;
}

}  // namespace

OPENEFS_NFS_OPERATION(Open);

}  // namespace openefs::nfs4
