#include "metadata/ops/get_attr.h"

#include "metadata/ops/inode.h"

namespace openefs::metadata {
pb::FsError GetAttrOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  pb::Attributes* attributes = result->mutable_attributes();
  FillAttributes(inode, attributes);
  if (request.want_usage())
    attributes->set_fs_bytes_used(MeteredFileSystemBytes(context.txn, inode.fs));
  return pb::FS_OK;
}

}  // namespace openefs::metadata
