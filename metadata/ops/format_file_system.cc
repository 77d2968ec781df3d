#include "metadata/ops/format_file_system.h"

#include "common/check.h"
#include "metadata/ops/directory.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint32_t kRootMode = 0755;  // root:root, as EFS makes it

}  // namespace

pb::FsError FormatFileSystemOp::Apply(OperationContext& context, const Request& request,
                                      pb::OperationResult*) {
  const FileSystemId fs = request.fs_id();
  if (fs == kPseudoFileSystem) return pb::FS_INVAL;
  if (context.txn.Contains(keys::Inode(fs, kRootInode))) return pb::FS_EXIST;
  Inode root = NewInode(context, fs, kRootInode, pb::DIRECTORY);
  OPENEFS_CHECK(root.id == kRootInode);
  root.record.set_mode(kRootMode);
  root.record.set_nlink(2);
  root.record.set_parent(kRootInode);
  root.record.set_next_cookie(kFirstCookie);
  StoreInode(context.txn, &root);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
