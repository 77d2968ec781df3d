// GETATTR (RFC 8881 18.7).
#include "server/nfs4/attributes.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

class GetAttr final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_GETATTR, "GETATTR", OperationKind::kMetadata, false,
                                          kMaxAttributesBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  AttributeMask wanted_;
};

std::unique_ptr<Operation> GetAttr::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<GetAttr>();
  operation->wanted_ = DecodeAttributeMask(reader);
  // RFC 8881 5.5: reading an attribute that can only be set.
  if (operation->wanted_.Intersects(SetOnlyAttributes())) {
    operation->argument_status_ = NFS4ERR_INVAL;
  }
  return operation;
}

void GetAttr::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_get_attr()->set_want_usage(wanted_.Intersects(UsageAttributes()));
}

nfsstat4 GetAttr::Encode(CompoundContext& context, const pb::OperationResult& result,
                         xdr::Writer& reply) {
  EncodeAttributes(MakeAttributeSource(*context.services, result.attributes()), wanted_, reply);
  return NFS4_OK;
}

nfsstat4 GetAttr::RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) {
  const pb::Attributes attributes = PseudoRootAttributes(*context.services);
  EncodeAttributes(MakeAttributeSource(*context.services, attributes), wanted_, reply);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(GetAttr);

}  // namespace openefs::nfs4
