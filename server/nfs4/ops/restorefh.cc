// RESTOREFH: back to the saved file and stateid (RFC 8881 18.27).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

class RestoreFh final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_RESTOREFH, "RESTOREFH", OperationKind::kMetadata,
                                          false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader&) { return std::make_unique<RestoreFh>(); }

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  bool UsesPseudoRoot(const CompoundContext& context) const override {
    return context.saved_is_pseudo_root;
  }
  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
};

void RestoreFh::Plan(CompoundContext& context, pb::Operation* operation) {
  operation->mutable_restore_file();
  context.current_is_pseudo_root = false;
}

nfsstat4 RestoreFh::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  EnterPseudoRoot(context);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(RestoreFh);

}  // namespace openefs::nfs4
