// PUTFH (RFC 8881 18.19).
#include "server/nfs4/file_handle.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

class PutFh final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_PUTFH, "PUTFH", OperationKind::kMetadata, false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  bool UsesPseudoRoot(const CompoundContext& context) const override;
  nfsstat4 Check(CompoundContext& context) override;
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  std::string handle_;
  pb::FileRef file_;
};

std::unique_ptr<Operation> PutFh::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<PutFh>();
  operation->handle_ = reader.Opaque(NFS4_FHSIZE);
  return operation;
}

bool PutFh::UsesPseudoRoot(const CompoundContext&) const {
  return FileHandleCodec::ClaimedFileSystem(handle_) == kPseudoFileSystem;
}

nfsstat4 PutFh::Check(CompoundContext& context) {
  return context.services->handles().Decode(handle_, &file_);
}

void PutFh::Plan(CompoundContext& context, pb::Operation* operation) {
  *operation->mutable_put_file()->mutable_file() = file_;
  context.current_is_pseudo_root = false;
}

nfsstat4 PutFh::Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) {
  return NFS4_OK;
}

nfsstat4 PutFh::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  if (file_.inode() != kRootInode) return NFS4ERR_STALE;
  EnterPseudoRoot(context);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(PutFh);

}  // namespace openefs::nfs4
