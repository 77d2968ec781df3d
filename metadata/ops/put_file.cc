#include "metadata/ops/put_file.h"

#include "metadata/ops/inode.h"

namespace openefs::metadata {

pb::FsError PutFileOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult*) {
  Inode inode;
  if (pb::FsError error = LoadFile(context.txn, request.file(), &inode); error != pb::FS_OK)
    return error;
  SetCurrent(context, request.file());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
