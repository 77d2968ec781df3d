#include "metadata/ops/lookup_parent.h"

#include "metadata/ops/inode.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {

pb::FsError LookupParentOp::Apply(OperationContext& context, const Request&, pb::OperationResult*) {
  Inode directory;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  pb::FsError allowed = CheckMode(context.credentials, directory.record, kMayExecute);
  if (allowed != pb::FS_OK) return allowed;
  if (directory.id == kRootInode) return pb::FS_NOENT;
  SetCurrent(context, MustLoad(context.txn, directory.fs, directory.record.parent()).Ref());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
