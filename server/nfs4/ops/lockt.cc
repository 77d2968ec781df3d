// LOCKT: would a byte-range lock be granted (RFC 8881 18.11)?
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/lock_denied.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class LockT final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_LOCKT, "LOCKT", OperationKind::kMetadata, false,
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
  pb::LockTest test_;
};

std::unique_ptr<Operation> LockT::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<LockT>();
  pb::LockTest& test = operation->test_;
  test.set_exclusive(DecodeExclusiveLock(reader));
  test.mutable_range()->set_offset(reader.U64());
  test.mutable_range()->set_length(reader.U64());
  DecodeStateOwner(reader, test.mutable_owner());
  return operation;
}

void LockT::Plan(CompoundContext& context, pb::Operation* operation) {
  pb::LockTest* test = operation->mutable_lock_test();
  *test = test_;
  test->mutable_owner()->set_client_id(context.client_id);
}

nfsstat4 LockT::Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) {
  return NFS4_OK;
}

void LockT::FinishError(CompoundContext&, nfsstat4 status, const pb::OperationResult& result,
                        xdr::Writer& reply) {
  if (status == NFS4ERR_DENIED) EncodeLockDenied(result.conflict(), reply);
}

nfsstat4 LockT::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_ISDIR; }

}  // namespace

OPENEFS_NFS_OPERATION(LockT);

}  // namespace openefs::nfs4
