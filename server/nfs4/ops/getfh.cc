// GETFH: the current file as a handle (RFC 8881 18.8).
#include "server/nfs4/file_handle.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

void EncodeHandle(CompoundContext& context, const pb::FileRef& file, xdr::Writer& reply) {
  const auto handle = context.services->handles().Encode(file);
  reply.Opaque({handle.data(), handle.size()});
}

class GetFh final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_GETFH, "GETFH", OperationKind::kMetadata, false,
                                          4 + FileHandleCodec::kBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;
};

std::unique_ptr<Operation> GetFh::Decode(xdr::Reader&) { return std::make_unique<GetFh>(); }

void GetFh::Plan(CompoundContext&, pb::Operation* operation) { operation->mutable_get_file(); }

nfsstat4 GetFh::Encode(CompoundContext& context, const pb::OperationResult& result,
                       xdr::Writer& reply) {
  EncodeHandle(context, result.file(), reply);
  return NFS4_OK;
}

nfsstat4 GetFh::RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) {
  EncodeHandle(context, PseudoRootFile(), reply);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(GetFh);

}  // namespace openefs::nfs4
