#include "metadata/ops/link.h"

#include "common/limits.h"
#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {
namespace {

pb::FsError CheckSource(const Inode& file, const Inode& directory) {
  if (file.fs != directory.fs) return pb::FS_XDEV;
  if (file.IsDirectory()) return pb::FS_ISDIR;
  if (file.record.nlink() == 0) return pb::FS_NOENT;
  return file.record.nlink() >= kMaxLinks ? pb::FS_MLINK : pb::FS_OK;
}

pb::FsError CheckTarget(const OperationContext& context, const Inode& directory,
                        absl::string_view name) {
  if (pb::FsError error = CheckName(name); error != pb::FS_OK) return error;
  const pb::Credentials& who = context.credentials;
  if (CheckMode(who, directory.record, kMayExecute) != pb::FS_OK) return pb::FS_ACCESS;
  pb::DirentRecord entry;
  if (FindEntry(context.txn, directory, name, &entry)) return pb::FS_EXIST;
  return CheckMode(who, directory.record, kMayWrite);
}

}  // namespace

pb::FsError LinkOp::Apply(OperationContext& context, const Request& request,
                          pb::OperationResult* result) {
  Inode file, directory;
  if (pb::FsError error = LoadSaved(context, &file); error != pb::FS_OK) return error;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  if (pb::FsError error = CheckSource(file, directory); error != pb::FS_OK) return error;
  pb::FsError error = CheckTarget(context, directory, request.new_name());
  if (error != pb::FS_OK) return error;
  const uint64_t before = directory.record.change();
  AddEntry(context, &directory, request.new_name(), file);
  file.record.set_nlink(file.record.nlink() + 1);
  TouchStatus(context.environment, &file);
  StoreInode(context.txn, &file);
  StoreInode(context.txn, &directory);
  SetChange(before, directory, result->mutable_change());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
