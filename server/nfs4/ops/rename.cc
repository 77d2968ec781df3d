// RENAME: from the saved directory into the current one (RFC 8881 18.26).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Rename final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_RENAME, "RENAME", OperationKind::kMetadata, true,
                                          2 * kChangeInfoBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
  bool UsesPseudoRoot(const CompoundContext& context) const override;

 private:
  Name old_name_;
  Name new_name_;
};

std::unique_ptr<Operation> Rename::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Rename>();
  operation->old_name_ = DecodeName(reader);
  operation->new_name_ = DecodeName(reader);
  operation->argument_status_ =
      FirstError({operation->old_name_.status, operation->new_name_.status});
  return operation;
}

bool Rename::UsesPseudoRoot(const CompoundContext& context) const {
  return context.current_is_pseudo_root || context.saved_is_pseudo_root;
}

void Rename::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_rename()->set_old_name(old_name_.bytes);
  operation->mutable_rename()->set_new_name(new_name_.bytes);
}

nfsstat4 Rename::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeChangeInfo(result.rename().source(), reply);
  EncodeChangeInfo(result.rename().target(), reply);
  return NFS4_OK;
}

nfsstat4 Rename::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  const bool both = context.current_is_pseudo_root && context.saved_is_pseudo_root;
  return both ? NFS4ERR_ROFS : NFS4ERR_XDEV;
}

}  // namespace

OPENEFS_NFS_OPERATION(Rename);

}  // namespace openefs::nfs4
