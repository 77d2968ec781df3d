// OPEN_DOWNGRADE (RFC 8881 18.18).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class OpenDowngrade final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_OPEN_DOWNGRADE, "OPEN_DOWNGRADE",
                                          OperationKind::kMetadata, true, kStateidBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  pb::OpenDowngrade downgrade_;
};

std::unique_ptr<Operation> OpenDowngrade::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<OpenDowngrade>();
  pb::OpenDowngrade& downgrade = operation->downgrade_;
  DecodeStateid(reader, downgrade.mutable_stateid());
  reader.U32();  // seqid: not used in 4.1
  downgrade.set_share_access(reader.U32());
  downgrade.set_share_deny(reader.U32());
  if (!IsShareAccess(downgrade.share_access()) || !IsShareDeny(downgrade.share_deny())) {
    operation->argument_status_ = NFS4ERR_INVAL;
  }
  return operation;
}

void OpenDowngrade::Plan(CompoundContext&, pb::Operation* operation) {
  *operation->mutable_open_downgrade() = downgrade_;
}

nfsstat4 OpenDowngrade::Encode(CompoundContext&, const pb::OperationResult& result,
                               xdr::Writer& reply) {
  EncodeStateid(result.stateid(), reply);
  return NFS4_OK;
}

nfsstat4 OpenDowngrade::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) {
  return NFS4ERR_BAD_STATEID;
}

}  // namespace

OPENEFS_NFS_OPERATION(OpenDowngrade);

}  // namespace openefs::nfs4
