#include "metadata/ops/directory.h"

#include "common/check.h"
#include "common/limits.h"
#include "metadata/ops/attributes.h"
#include "metadata/ops/permission.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// A directory's size is the bytes of its names.
void Grow(Inode* directory, absl::string_view name, const pb::DirentRecord& entry) {
  pb::InodeRecord& record = directory->record;
  record.set_entries(record.entries() + 1);
  record.set_size(record.size() + name.size());
  if (entry.type() == pb::DIRECTORY) record.set_nlink(record.nlink() + 1);  // the child's ".."
}

void Shrink(Inode* directory, absl::string_view name, const pb::DirentRecord& entry) {
  pb::InodeRecord& record = directory->record;
  OPENEFS_CHECK(record.entries() > 0 && record.size() >= name.size());
  record.set_entries(record.entries() - 1);
  record.set_size(record.size() - name.size());
  if (entry.type() == pb::DIRECTORY) record.set_nlink(record.nlink() - 1);
}

uint64_t NextCookie(Inode* directory) {
  const uint64_t cookie = directory->record.next_cookie();
  directory->record.set_next_cookie(cookie + 1);
  return cookie;
}

// Whose it is: the caller's, but the group of a set-group-id directory.
void SetOwner(const OperationContext& context, const Inode& directory, Inode* child) {
  const bool inherits = (directory.record.mode() & kSetGid) != 0;
  child->record.set_uid(context.credentials.uid());
  child->record.set_gid(inherits ? directory.record.gid() : context.credentials.gid());
}

// Directories keep the bit for what is made below them.
void InheritSetGid(const Inode& directory, Inode* child) {
  if (child->IsDirectory() && (directory.record.mode() & kSetGid) != 0)
    child->record.set_mode(child->record.mode() | kSetGid);
}

void PlaceDirectory(const Inode& parent, absl::string_view name, Inode* child) {
  child->record.set_nlink(2);  // its name and its "."
  child->record.set_parent(parent.id);
  child->record.set_name_in_parent(std::string(name));
  child->record.set_next_cookie(kFirstCookie);
}

}  // namespace

pb::FsError CheckName(absl::string_view name) {
  if (name.empty()) return pb::FS_INVAL;
  if (name.size() > kMaxNameBytes) return pb::FS_NAMETOOLONG;
  if (name == "." || name == "..") return pb::FS_BADNAME;
  const bool separator = name.find('/') != absl::string_view::npos;
  return separator || name.find('\0') != absl::string_view::npos ? pb::FS_BADNAME : pb::FS_OK;
}

bool FindEntry(const Transaction& txn, const Inode& directory, absl::string_view name,
               pb::DirentRecord* entry) {
  return txn.GetRecord(keys::DirentByName(directory.fs, directory.id, name), entry);
}

pb::FileRef EntryRef(const Inode& directory, const pb::DirentRecord& entry) {
  pb::FileRef file;
  file.set_fs_id(directory.fs);
  file.set_inode(entry.inode());
  file.set_generation(entry.generation());
  return file;
}

pb::FsError FindNamed(const OperationContext& context, const Inode& directory,
                      absl::string_view name, NamedFile* found) {
  if (pb::FsError error = CheckName(name); error != pb::FS_OK) return error;
  pb::FsError allowed = CheckMode(context.credentials, directory.record, kMayExecute);
  if (allowed != pb::FS_OK) return allowed;
  if (!FindEntry(context.txn, directory, name, &found->entry)) return pb::FS_NOENT;
  found->inode = MustLoad(context.txn, directory.fs, found->entry.inode());
  return pb::FS_OK;
}

void AddEntry(OperationContext& context, Inode* directory, absl::string_view name,
              const Inode& child, uint64_t cookie) {
  pb::DirentRecord entry;
  entry.set_inode(child.id);
  entry.set_generation(child.record.generation());
  entry.set_type(child.record.type());
  entry.set_cookie(cookie != 0 ? cookie : NextCookie(directory));
  context.txn.PutRecord(keys::DirentByName(directory->fs, directory->id, name), entry);
  entry.set_name(std::string(name));
  context.txn.PutRecord(keys::DirentByCookie(directory->fs, directory->id, entry.cookie()), entry);
  Grow(directory, name, entry);
  TouchContents(context.environment, directory);
}

void RemoveEntry(OperationContext& context, Inode* directory, absl::string_view name,
                 const pb::DirentRecord& entry) {
  context.txn.Delete(keys::DirentByName(directory->fs, directory->id, name));
  context.txn.Delete(keys::DirentByCookie(directory->fs, directory->id, entry.cookie()));
  Shrink(directory, name, entry);
  TouchContents(context.environment, directory);
}

pb::FsError CreateEntry(OperationContext& context, Inode* directory, absl::string_view name,
                        pb::FileType type, const pb::AttributeChange& attributes, Inode* child) {
  if (pb::FsError error = CheckName(name); error != pb::FS_OK) return error;
  pb::FsError allowed = CheckMode(context.credentials, directory->record, kMayWrite | kMayExecute);
  if (allowed != pb::FS_OK) return allowed;
  *child = NewInode(context, directory->fs, directory->id, type);
  child->record.set_nlink(1);
  if (type == pb::DIRECTORY) PlaceDirectory(*directory, name, child);
  SetOwner(context, *directory, child);
  pb::FsError error = InitializeAttributes(context, attributes, child);
  if (error != pb::FS_OK) return error;
  InheritSetGid(*directory, child);
  StoreInode(context.txn, child);
  AddEntry(context, directory, name, *child);
  StoreInode(context.txn, directory);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
