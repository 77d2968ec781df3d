#include "metadata/ops/create.h"

#include "common/limits.h"
#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {
namespace {

// RFC 8881 18.4: OPEN makes regular files; devices and named attributes there are none.
pb::FsError CheckType(const pb::Create& request) {
  switch (request.type()) {
    case pb::DIRECTORY:
    case pb::FIFO:
    case pb::SOCKET:
      return pb::FS_OK;
    case pb::SYMLINK:
      if (request.symlink_target().empty()) return pb::FS_INVAL;
      return request.symlink_target().size() > kMaxSymlinkBytes ? pb::FS_NAMETOOLONG : pb::FS_OK;
    default:
      return pb::FS_BADTYPE;
  }
}

// As Linux orders it: a name that is there is EEXIST even where nothing may be made.
pb::FsError CheckVacant(const OperationContext& context, const Inode& directory,
                        absl::string_view name) {
  if (pb::FsError error = CheckName(name); error != pb::FS_OK) return error;
  pb::FsError allowed = CheckMode(context.credentials, directory.record, kMayExecute);
  if (allowed != pb::FS_OK) return allowed;
  pb::DirentRecord entry;
  return FindEntry(context.txn, directory, name, &entry) ? pb::FS_EXIST : pb::FS_OK;
}

void SetTarget(OperationContext& context, const std::string& target, Inode* symlink) {
  symlink->record.set_symlink_target(target);
  symlink->record.set_size(target.size());
  StoreInode(context.txn, symlink);
}

}  // namespace

pb::FsError CreateOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult* result) {
  Inode directory;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  if (pb::FsError error = CheckType(request); error != pb::FS_OK) return error;
  pb::FsError error = CheckVacant(context, directory, request.name());
  if (error != pb::FS_OK) return error;
  const uint64_t before = directory.record.change();
  Inode child;
  error = CreateEntry(context, &directory, request.name(), request.type(), request.attributes(),
                      &child);
  if (error != pb::FS_OK) return error;
  if (request.type() == pb::SYMLINK) SetTarget(context, request.symlink_target(), &child);
  SetChange(before, directory, result->mutable_change());
  SetCurrent(context, child.Ref());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
