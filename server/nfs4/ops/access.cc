// ACCESS: which of some rights the caller has (RFC 8881 18.1).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

constexpr uint32_t kKnownRights = ACCESS4_READ | ACCESS4_LOOKUP | ACCESS4_MODIFY | ACCESS4_EXTEND |
                                  ACCESS4_DELETE | ACCESS4_EXECUTE;

class Access final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_ACCESS, "ACCESS", OperationKind::kMetadata, false, 8};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  uint32_t mask_ = 0;
};

std::unique_ptr<Operation> Access::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Access>();
  operation->mask_ = reader.U32();
  // Rights of later minor versions, and none at all of this one: RFC 8881 18.1.4.
  if ((operation->mask_ & ~kKnownRights) != 0) operation->argument_status_ = NFS4ERR_INVAL;
  return operation;
}

void Access::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_access()->set_mask(mask_);
}

nfsstat4 Access::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  reply.U32(mask_);  // we can tell about every right there is
  reply.U32(result.access() & mask_);
  return NFS4_OK;
}

nfsstat4 Access::RunOnPseudoRoot(CompoundContext&, xdr::Writer& reply) {
  reply.U32(mask_);
  reply.U32(mask_ & kPseudoRootRights);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(Access);

}  // namespace openefs::nfs4
