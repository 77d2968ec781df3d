// FREE_STATEID (RFC 8881 18.38): lets go of lock state that holds no locks.
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class FreeStateid final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_FREE_STATEID, "FREE_STATEID", OperationKind::kMetadata,
                                          true, 0};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<FreeStateid>();
    DecodeStateid(reader, &operation->stateid_);
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext& context, pb::Operation* planned) override {
    pb::FreeStateid& arguments = *planned->mutable_free_stateid();
    *arguments.mutable_stateid() = stateid_;
    arguments.set_client_id(context.client_id);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }

 private:
  pb::Stateid stateid_;
};

}  // namespace

OPENEFS_NFS_OPERATION(FreeStateid);

}  // namespace openefs::nfs4
