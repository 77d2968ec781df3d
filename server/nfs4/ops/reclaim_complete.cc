// RECLAIM_COMPLETE (RFC 8881 18.51): the client has nothing to reclaim any more. Servers here lose
// no state, so nobody waits for it; that it comes only once is kept all the same.
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class ReclaimComplete final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_RECLAIM_COMPLETE, "RECLAIM_COMPLETE",
                                          OperationKind::kMetadata, true, 0};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<ReclaimComplete>();
    operation->one_fs_ = reader.Bool();
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext& context, pb::Operation* planned) override {
    planned->mutable_reclaim_complete()->set_client_id(context.client_id);
    planned->mutable_reclaim_complete()->set_one_fs(one_fs_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }

 private:
  bool one_fs_ = false;
};

}  // namespace

OPENEFS_NFS_OPERATION(ReclaimComplete);

}  // namespace openefs::nfs4
