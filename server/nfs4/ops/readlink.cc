// READLINK (RFC 8881 18.24).
#include "common/limits.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class ReadLink final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_READLINK, "READLINK", OperationKind::kMetadata, false,
                                          4 + kMaxSymlinkBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
};

std::unique_ptr<Operation> ReadLink::Decode(xdr::Reader&) { return std::make_unique<ReadLink>(); }

void ReadLink::Plan(CompoundContext&, pb::Operation* operation) { operation->mutable_read_link(); }

nfsstat4 ReadLink::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  reply.Opaque(result.link_target());
  return NFS4_OK;
}

nfsstat4 ReadLink::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_INVAL; }

}  // namespace

OPENEFS_NFS_OPERATION(ReadLink);

}  // namespace openefs::nfs4
