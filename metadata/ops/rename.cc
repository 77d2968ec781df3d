#include "metadata/ops/rename.h"

#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {
namespace {

// Bounds the walk to the root. Paths a client can name are far shorter.
constexpr int kMaxDepth = 16'384;

// One rename under way. Where both names are in one directory, `target_` is `source_`.
class Renaming {
 public:
  Renaming(OperationContext& context, const pb::Rename& request)
      : context_(context), request_(request) {}

  pb::FsError Load();
  pb::FsError Check() const;
  bool SameFile() const { return replaces_ && old_.inode.id == moved_.inode.id; }
  void Move();
  void Report(pb::RenameResult* result) const;

 private:
  pb::FsError LoadDirectories();
  pb::FsError LoadFiles();
  pb::FsError CheckReplace() const;
  pb::FsError CheckNewParent() const;
  bool ChangesParent() const { return &source_ != target_ && moved_.inode.IsDirectory(); }

  OperationContext& context_;
  const pb::Rename& request_;
  Inode source_;
  Inode other_;
  Inode* target_ = &source_;
  NamedFile moved_;
  NamedFile old_;
  bool replaces_ = false;
  uint64_t source_before_ = 0;
  uint64_t target_before_ = 0;
};

pb::FsError Renaming::LoadDirectories() {
  if (pb::FsError error = LoadSavedDirectory(context_, &source_); error != pb::FS_OK) return error;
  if (pb::FsError error = LoadCurrentDirectory(context_, &other_); error != pb::FS_OK) return error;
  if (source_.fs != other_.fs) return pb::FS_XDEV;
  if (source_.id != other_.id) target_ = &other_;
  source_before_ = source_.record.change();
  target_before_ = target_->record.change();
  return pb::FS_OK;
}

pb::FsError Renaming::LoadFiles() {
  pb::FsError error = FindNamed(context_, source_, request_.old_name(), &moved_);
  if (error != pb::FS_OK) return error;
  error = FindNamed(context_, *target_, request_.new_name(), &old_);
  replaces_ = error == pb::FS_OK;
  return error == pb::FS_NOENT ? pb::FS_OK : error;
}

pb::FsError Renaming::Load() {
  pb::FsError error = LoadDirectories();
  return error != pb::FS_OK ? error : LoadFiles();
}

pb::FsError Renaming::Check() const {
  const pb::Credentials& who = context_.credentials;
  pb::FsError error = CheckMayUnlink(who, source_.record, moved_.inode.record);
  if (error != pb::FS_OK) return error;
  error = CheckMode(who, target_->record, kMayWrite | kMayExecute);
  if (error != pb::FS_OK) return error;
  if (error = ChangesParent() ? CheckNewParent() : pb::FS_OK; error != pb::FS_OK) return error;
  return replaces_ ? CheckReplace() : pb::FS_OK;
}

// RFC 8881 18.26.3: what is replaced must be of the same kind, and empty.
pb::FsError Renaming::CheckReplace() const {
  pb::FsError error = CheckMayUnlink(context_.credentials, target_->record, old_.inode.record);
  if (error != pb::FS_OK) return error;
  if (moved_.inode.IsDirectory() && !old_.inode.IsDirectory()) return pb::FS_NOTDIR;
  if (!moved_.inode.IsDirectory() && old_.inode.IsDirectory()) return pb::FS_EXIST;
  return old_.inode.record.entries() > 0 ? pb::FS_NOTEMPTY : pb::FS_OK;
}

// A directory must not end up below itself; and its ".." changes, which is a write to it.
pb::FsError Renaming::CheckNewParent() const {
  InodeId above = target_->id;
  for (int depth = 0; above != kRootInode; ++depth) {
    if (above == moved_.inode.id) return pb::FS_INVAL;
    if (depth == kMaxDepth) return pb::FS_NAMETOOLONG;
    above = MustLoad(context_.txn, target_->fs, above).record.parent();
  }
  return CheckMode(context_.credentials, moved_.inode.record, kMayWrite);
}

void Renaming::Move() {
  uint64_t cookie = 0;
  if (replaces_) {
    cookie = old_.entry.cookie();
    RemoveEntry(context_, target_, request_.new_name(), old_.entry);
    DropLink(context_, &old_.inode);
  }
  RemoveEntry(context_, &source_, request_.old_name(), moved_.entry);
  AddEntry(context_, target_, request_.new_name(), moved_.inode, cookie);
  if (moved_.inode.IsDirectory()) {
    moved_.inode.record.set_parent(target_->id);
    moved_.inode.record.set_name_in_parent(request_.new_name());
  }
  TouchStatus(context_.environment, &moved_.inode);
  StoreInode(context_.txn, &moved_.inode);
  StoreInode(context_.txn, &source_);
  if (target_ != &source_) StoreInode(context_.txn, target_);
}

void Renaming::Report(pb::RenameResult* result) const {
  SetChange(source_before_, source_, result->mutable_source());
  SetChange(target_before_, *target_, result->mutable_target());
}

}  // namespace

pb::FsError RenameOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult* result) {
  Renaming renaming(context, request);
  if (pb::FsError error = renaming.Load(); error != pb::FS_OK) return error;
  if (!renaming.SameFile()) {
    if (pb::FsError error = renaming.Check(); error != pb::FS_OK) return error;
    renaming.Move();
  }
  renaming.Report(result->mutable_rename());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
