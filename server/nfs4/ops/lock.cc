// LOCK: a byte-range lock (RFC 8881 18.10).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/lock_denied.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Lock final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_LOCK, "LOCK", OperationKind::kMetadata, true,
                                          kLockDeniedBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void FinishError(CompoundContext& context, nfsstat4 status, const pb::OperationResult& result,
                   xdr::Writer& reply) override;
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  pb::Lock lock_;
};

std::unique_ptr<Operation> Lock::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Lock>();
  pb::Lock& lock = operation->lock_;
  lock.set_exclusive(DecodeExclusiveLock(reader));
  lock.set_reclaim(reader.Bool());
  lock.mutable_range()->set_offset(reader.U64());
  lock.mutable_range()->set_length(reader.U64());
  lock.set_new_owner(reader.Bool());
  if (lock.new_owner()) {
    reader.U32();  // open_seqid: not used in 4.1, nor is lock_seqid
    DecodeStateid(reader, lock.mutable_open_stateid());
    reader.U32();
    DecodeStateOwner(reader, lock.mutable_owner());
  } else {
    DecodeStateid(reader, lock.mutable_lock_stateid());
    reader.U32();
  }
  return operation;
}

void Lock::Plan(CompoundContext& context, pb::Operation* operation) {
  pb::Lock* lock = operation->mutable_lock();
  *lock = lock_;
  if (lock_.new_owner()) lock->mutable_owner()->set_client_id(context.client_id);
}

nfsstat4 Lock::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeStateid(result.stateid(), reply);
  return NFS4_OK;
}

void Lock::FinishError(CompoundContext&, nfsstat4 status, const pb::OperationResult& result,
                       xdr::Writer& reply) {
  if (status == NFS4ERR_DENIED) EncodeLockDenied(result.conflict(), reply);
}

nfsstat4 Lock::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_ISDIR; }

}  // namespace

OPENEFS_NFS_OPERATION(Lock);

}  // namespace openefs::nfs4
