// LINK: one more name for the saved file, in the current directory (RFC 8881 18.9).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Link final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_LINK, "LINK", OperationKind::kMetadata, true,
                                          kChangeInfoBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
  bool UsesPseudoRoot(const CompoundContext& context) const override;

 private:
  Name name_;
};

std::unique_ptr<Operation> Link::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Link>();
  operation->name_ = DecodeName(reader);
  operation->argument_status_ = operation->name_.status;
  return operation;
}

bool Link::UsesPseudoRoot(const CompoundContext& context) const {
  return context.current_is_pseudo_root || context.saved_is_pseudo_root;
}

void Link::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_link()->set_new_name(name_.bytes);
}

nfsstat4 Link::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeChangeInfo(result.change(), reply);
  return NFS4_OK;
}

nfsstat4 Link::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  return context.saved_is_pseudo_root ? NFS4ERR_ISDIR : NFS4ERR_ROFS;
}

}  // namespace

OPENEFS_NFS_OPERATION(Link);

}  // namespace openefs::nfs4
