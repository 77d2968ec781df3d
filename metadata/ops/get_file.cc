#include "metadata/ops/get_file.h"

#include "metadata/ops/inode.h"

namespace openefs::metadata {

pb::FsError GetFileOp::Apply(OperationContext& context, const Request&,
                             pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  *result->mutable_file() = inode.Ref();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
