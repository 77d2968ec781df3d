// COMMIT: every WRITE was stable before its reply, so this only validates the file (RFC 8881 18.3).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

class Commit final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_COMMIT, "COMMIT", OperationKind::kMetadata, false,
                                          NFS4_VERIFIER_SIZE};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
};

std::unique_ptr<Operation> Commit::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Commit>();
  reader.U64();  // offset
  reader.U32();  // count
  return operation;
}

void Commit::Plan(CompoundContext&, pb::Operation* operation) { operation->mutable_get_attr(); }

nfsstat4 Commit::Encode(CompoundContext& context, const pb::OperationResult& result,
                        xdr::Writer& reply) {
  switch (result.attributes().type()) {
    case pb::REGULAR:
      reply.FixedOpaque(context.services->write_verifier());
      return NFS4_OK;
    case pb::DIRECTORY:
      return NFS4ERR_ISDIR;
    case pb::SYMLINK:
      return NFS4ERR_SYMLINK;
    default:
      return NFS4ERR_WRONG_TYPE;
  }
}

nfsstat4 Commit::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_ISDIR; }

}  // namespace

OPENEFS_NFS_OPERATION(Commit);

}  // namespace openefs::nfs4
