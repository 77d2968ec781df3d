// SETATTR (RFC 8881 18.30).
#include "server/nfs4/attributes.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class SetAttr final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_SETATTR, "SETATTR", OperationKind::kMetadata, true,
                                          kAttributeMaskBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void FinishError(CompoundContext& context, nfsstat4 status, const pb::OperationResult& result,
                   xdr::Writer& reply) override;
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;

 private:
  pb::Stateid stateid_;
  AttributesToSet attributes_;
};

std::unique_ptr<Operation> SetAttr::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<SetAttr>();
  DecodeStateid(reader, &operation->stateid_);
  operation->attributes_ = DecodeAttributesToSet(reader);
  operation->argument_status_ = operation->attributes_.status;
  return operation;
}

void SetAttr::Plan(CompoundContext&, pb::Operation* operation) {
  *operation->mutable_set_attr()->mutable_stateid() = stateid_;
  *operation->mutable_set_attr()->mutable_change() = attributes_.change;
}

nfsstat4 SetAttr::Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer& reply) {
  EncodeAttributeMask(attributes_.mask, reply);
  return NFS4_OK;
}

// SETATTR4res carries the bitmap with an error too: nothing was set.
void SetAttr::FinishError(CompoundContext&, nfsstat4, const pb::OperationResult&,
                          xdr::Writer& reply) {
  EncodeAttributeMask({}, reply);
}

}  // namespace

OPENEFS_NFS_OPERATION(SetAttr);

}  // namespace openefs::nfs4
