#include "metadata/ops/put_root.h"

#include "metadata/ops/inode.h"

namespace openefs::metadata {

pb::FsError PutRootOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult*) {
  Inode root;
  if (!FindInode(context.txn, request.fs_id(), kRootInode, &root)) return pb::FS_STALE;
  SetCurrent(context, root.Ref());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
