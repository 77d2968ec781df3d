// REMOVE: a name, and the file with its last one (RFC 8881 18.25).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Remove final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_REMOVE, "REMOVE", OperationKind::kMetadata, true,
                                          kChangeInfoBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;

 private:
  Name name_;
};

std::unique_ptr<Operation> Remove::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Remove>();
  operation->name_ = DecodeName(reader);
  operation->argument_status_ = operation->name_.status;
  return operation;
}

void Remove::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_remove()->set_name(name_.bytes);
}

nfsstat4 Remove::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeChangeInfo(result.change(), reply);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(Remove);

}  // namespace openefs::nfs4
