// SAVEFH: remembers the current file and stateid (RFC 8881 18.28).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class SaveFh final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_SAVEFH, "SAVEFH", OperationKind::kMetadata, false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader&) { return std::make_unique<SaveFh>(); }

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
};

void SaveFh::Plan(CompoundContext& context, pb::Operation* operation) {
  operation->mutable_save_file();
  context.saved_is_pseudo_root = false;
}

nfsstat4 SaveFh::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  context.saved_is_pseudo_root = true;
  context.registers.clear_saved();
  context.registers.clear_saved_stateid();
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(SaveFh);

}  // namespace openefs::nfs4
