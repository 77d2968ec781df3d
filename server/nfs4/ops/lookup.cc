// LOOKUP (RFC 8881 18.13). Out of the pseudo root it leads to a file system's root.
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

class Lookup final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_LOOKUP, "LOOKUP", OperationKind::kMetadata, false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  // The metadata knows where the step out of the pseudo root leads.
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }
  nfsstat4 Check(CompoundContext& context) override;
  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }

 private:
  Name name_;
  FileSystemId file_system_ = 0;  // set in the pseudo root
};

std::unique_ptr<Operation> Lookup::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Lookup>();
  operation->name_ = DecodeName(reader);
  return operation;
}

nfsstat4 Lookup::Check(CompoundContext& context) {
  if (name_.status != NFS4_OK) return name_.status;
  if (!context.current_is_pseudo_root) return NFS4_OK;
  file_system_ = FindFileSystem(*context.services, name_.bytes);
  return file_system_ == 0 ? NFS4ERR_NOENT : NFS4_OK;
}

void Lookup::Plan(CompoundContext& context, pb::Operation* operation) {
  if (context.current_is_pseudo_root) {
    operation->mutable_put_root()->set_fs_id(file_system_);
    context.current_is_pseudo_root = false;
  } else {
    operation->mutable_lookup()->set_name(name_.bytes);
  }
}

}  // namespace

OPENEFS_NFS_OPERATION(Lookup);

}  // namespace openefs::nfs4
