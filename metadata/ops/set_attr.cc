#include "metadata/ops/set_attr.h"

#include "metadata/ops/attributes.h"
#include "metadata/ops/permission.h"
#include "metadata/state/access_check.h"

namespace openefs::metadata {
namespace {

// ftruncate goes by the open, truncate by the mode.
pb::FsError SetSize(OperationContext& context, const pb::SetAttr& request, Inode* inode) {
  if (pb::FsError error = RequireRegular(*inode); error != pb::FS_OK) return error;
  bool checked = false;
  pb::FsError state = CheckIoState(context, request.stateid(), inode->Ref(), true, &checked);
  if (state != pb::FS_OK) return state;
  if (!checked) {
    pb::FsError allowed = CheckMode(context.credentials, inode->record, kMayWrite);
    if (allowed != pb::FS_OK) return allowed;
  }
  return TruncateFile(context, request.change().size(), inode);
}

}  // namespace

pb::FsError SetAttrOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult*) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  // Size first: a mode in the same request has the last word on the set-id bits.
  if (request.change().has_size()) {
    if (pb::FsError error = SetSize(context, request, &inode); error != pb::FS_OK) return error;
  }
  pb::FsError error = ChangeAttributes(context, request.change(), &inode);
  if (error == pb::FS_OK) StoreInode(context.txn, &inode);
  return error;
}

}  // namespace openefs::metadata
