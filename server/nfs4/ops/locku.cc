// LOCKU: gives up a byte range (RFC 8881 18.12).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class LockU final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_LOCKU, "LOCKU", OperationKind::kMetadata, true,
                                          kStateidBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  pb::Unlock unlock_;
};

std::unique_ptr<Operation> LockU::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<LockU>();
  pb::Unlock& unlock = operation->unlock_;
  DecodeExclusiveLock(reader);  // a lock of either type goes
  reader.U32();                 // seqid: not used in 4.1
  DecodeStateid(reader, unlock.mutable_stateid());
  unlock.mutable_range()->set_offset(reader.U64());
  unlock.mutable_range()->set_length(reader.U64());
  return operation;
}

void LockU::Plan(CompoundContext&, pb::Operation* operation) {
  *operation->mutable_unlock() = unlock_;
}

nfsstat4 LockU::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeStateid(result.stateid(), reply);
  return NFS4_OK;
}

nfsstat4 LockU::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_BAD_STATEID; }

}  // namespace

OPENEFS_NFS_OPERATION(LockU);

}  // namespace openefs::nfs4
