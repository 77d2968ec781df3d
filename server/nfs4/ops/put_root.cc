#include "server/nfs4/ops/put_root.h"

#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {

bool PutRoot::UsesPseudoRoot(const CompoundContext& context) const {
  only_file_system_ = OnlyFileSystem(*context.services);
  return only_file_system_ == 0;
}

void PutRoot::Plan(CompoundContext& context, pb::Operation* operation) {
  operation->mutable_put_root()->set_fs_id(only_file_system_);
  context.current_is_pseudo_root = false;
}

nfsstat4 PutRoot::Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) {
  return NFS4_OK;
}

nfsstat4 PutRoot::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  EnterPseudoRoot(context);
  return NFS4_OK;
}

}  // namespace openefs::nfs4
