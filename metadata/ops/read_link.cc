#include "metadata/ops/read_link.h"

#include "metadata/ops/inode.h"

namespace openefs::metadata {

pb::FsError ReadLinkOp::Apply(OperationContext& context, const Request&,
                              pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  if (inode.record.type() != pb::SYMLINK) return pb::FS_WRONG_TYPE;
  result->set_link_target(inode.record.symlink_target());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
