#include "metadata/ops/remove.h"

#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {

pb::FsError RemoveOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult* result) {
  Inode directory;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  NamedFile victim;
  pb::FsError error = FindNamed(context, directory, request.name(), &victim);
  if (error != pb::FS_OK) return error;
  error = CheckMayUnlink(context.credentials, directory.record, victim.inode.record);
  if (error != pb::FS_OK) return error;
  if (victim.inode.IsDirectory() && victim.inode.record.entries() > 0) return pb::FS_NOTEMPTY;
  const uint64_t before = directory.record.change();
  RemoveEntry(context, &directory, request.name(), victim.entry);
  DropLink(context, &victim.inode);
  StoreInode(context.txn, &directory);
  SetChange(before, directory, result->mutable_change());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
