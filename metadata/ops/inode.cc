#include "metadata/ops/inode.h"

#include <algorithm>

#include "common/check.h"
#include "metadata/state/open_files.h"
#include "metadata/store/extents.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMs = 1'000'000;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kMeterBytes - 1) / kMeterBytes * kMeterBytes; }

// As EFS meters it: data that is there, in units of 4 KiB, and never nothing.
uint64_t MeteredBytes(const pb::InodeRecord& record) {
  uint64_t bytes = 0;
  if (record.type() == pb::REGULAR) {
    // Extents that a truncation left to be freed later do not count: the rest fits the size.
    bytes = std::min(record.data_bytes(), record.size());
  } else if (record.type() == pb::DIRECTORY) {
    bytes = record.size();
  }
  return std::max(RoundUp(bytes), kMeterBytes);
}

void Count(Transaction& txn, FileSystemId fs, int64_t bytes, int64_t inodes) {
  if (bytes == 0 && inodes == 0) return;
  pb::UsageRecord usage;
  txn.GetRecord(keys::Usage(fs), &usage);
  usage.set_bytes(usage.bytes() + bytes);
  usage.set_inodes(usage.inodes() + inodes);
  OPENEFS_CHECK(usage.bytes() >= 0 && usage.inodes() >= 0);
  txn.PutRecord(keys::Usage(fs), usage);
}

InodeId NextInodeId(Transaction& txn, FileSystemId fs, uint16_t shard) {
  const std::string key = keys::InodeCounter(fs, shard);
  std::string stored;
  const uint64_t counter = txn.Get(key, &stored) ? DecodeU64(stored) : kRootInode;
  OPENEFS_CHECK(counter < uint64_t{1} << kInodeCounterBits);
  txn.Put(key, EncodeU64(counter + 1));
  return MakeInodeId(shard, counter);
}

// The last name and the last open are gone.
void DeleteInode(OperationContext& context, Inode* inode) {
  if (inode->IsRegular()) {
    const auto now_ms = static_cast<uint64_t>(context.environment.wall_time_ns / kNsPerMs);
    FreeAllExtents({context.txn, inode->fs, inode->id, inode->record, now_ms});
  }
  context.txn.Delete(keys::Inode(inode->fs, inode->id));
  Count(context.txn, inode->fs, -static_cast<int64_t>(inode->counted_bytes), -1);
}

pb::FsError LoadRegister(const OperationContext& context, bool set, const pb::FileRef& file,
                         pb::FsError if_unset, Inode* inode) {
  return set ? LoadFile(context.txn, file, inode) : if_unset;
}

}  // namespace

pb::FileRef Inode::Ref() const {
  pb::FileRef file;
  file.set_fs_id(fs);
  file.set_inode(id);
  file.set_generation(record.generation());
  return file;
}

bool FindInode(const Transaction& txn, FileSystemId fs, InodeId id, Inode* inode) {
  if (!txn.GetRecord(keys::Inode(fs, id), &inode->record)) return false;
  inode->fs = fs;
  inode->id = id;
  inode->counted_bytes = inode->record.space_used();
  return true;
}

pb::FsError LoadFile(const Transaction& txn, const pb::FileRef& file, Inode* inode) {
  if (file.fs_id() == kPseudoFileSystem) return pb::FS_STALE;
  if (!FindInode(txn, file.fs_id(), file.inode(), inode)) return pb::FS_STALE;
  return inode->record.generation() == file.generation() ? pb::FS_OK : pb::FS_STALE;
}

pb::FsError LoadCurrent(const OperationContext& context, Inode* inode) {
  const pb::Registers& registers = context.registers;
  return LoadRegister(context, registers.has_current(), registers.current(), pb::FS_NO_CURRENT_FILE,
                      inode);
}

pb::FsError LoadSaved(const OperationContext& context, Inode* inode) {
  const pb::Registers& registers = context.registers;
  return LoadRegister(context, registers.has_saved(), registers.saved(), pb::FS_NO_SAVED_FILE,
                      inode);
}

pb::FsError RequireDirectory(const Inode& inode) {
  if (inode.IsDirectory()) return pb::FS_OK;
  return inode.record.type() == pb::SYMLINK ? pb::FS_SYMLINK : pb::FS_NOTDIR;
}

pb::FsError RequireRegular(const Inode& inode) {
  switch (inode.record.type()) {
    case pb::REGULAR:
      return pb::FS_OK;
    case pb::DIRECTORY:
      return pb::FS_ISDIR;
    case pb::SYMLINK:
      return pb::FS_SYMLINK;
    default:
      return pb::FS_WRONG_TYPE;
  }
}

pb::FsError LoadCurrentDirectory(const OperationContext& context, Inode* inode) {
  pb::FsError error = LoadCurrent(context, inode);
  return error != pb::FS_OK ? error : RequireDirectory(*inode);
}

pb::FsError LoadSavedDirectory(const OperationContext& context, Inode* inode) {
  pb::FsError error = LoadSaved(context, inode);
  return error != pb::FS_OK ? error : RequireDirectory(*inode);
}

void SetCurrent(OperationContext& context, const pb::FileRef& file) {
  *context.registers.mutable_current() = file;
  context.registers.clear_current_stateid();
}

Inode MustLoad(const Transaction& txn, FileSystemId fs, InodeId id) {
  Inode inode;
  OPENEFS_CHECK(FindInode(txn, fs, id, &inode));
  return inode;
}

Inode NewInode(OperationContext& context, FileSystemId fs, InodeId near, pb::FileType type) {
  Inode inode;
  inode.fs = fs;
  inode.id = NextInodeId(context.txn, fs, ShardOf(near));
  pb::InodeRecord& record = inode.record;
  record.set_type(type);
  record.set_generation(static_cast<uint32_t>(context.environment.NextRandom()));
  record.set_change(1);
  const pb::Timestamp now = Now(context.environment);
  *record.mutable_atime() = *record.mutable_mtime() = *record.mutable_ctime() =
      *record.mutable_btime() = now;
  return inode;
}

pb::Timestamp Now(const ApplyEnvironment& environment) {
  pb::Timestamp now;
  now.set_seconds(environment.wall_time_ns / kNsPerSecond);
  now.set_nanoseconds(static_cast<uint32_t>(environment.wall_time_ns % kNsPerSecond));
  return now;
}

void TouchStatus(const ApplyEnvironment& environment, Inode* inode) {
  *inode->record.mutable_ctime() = Now(environment);
  inode->record.set_change(inode->record.change() + 1);
}

void TouchContents(const ApplyEnvironment& environment, Inode* inode) {
  *inode->record.mutable_mtime() = Now(environment);
  TouchStatus(environment, inode);
}

void StoreInode(Transaction& txn, Inode* inode) {
  const uint64_t bytes = MeteredBytes(inode->record);
  const bool is_new = inode->counted_bytes == 0;  // every stored inode counts kMeterBytes or more
  inode->record.set_space_used(bytes);
  Count(txn, inode->fs, static_cast<int64_t>(bytes - inode->counted_bytes), is_new ? 1 : 0);
  inode->counted_bytes = bytes;
  txn.PutRecord(keys::Inode(inode->fs, inode->id), inode->record);
}

void DropLink(OperationContext& context, Inode* inode) {
  OPENEFS_CHECK(inode->record.nlink() > 0);
  if (inode->IsDirectory()) {
    OPENEFS_CHECK(inode->record.entries() == 0);
    return DeleteInode(context, inode);
  }
  inode->record.set_nlink(inode->record.nlink() - 1);
  TouchStatus(context.environment, inode);
  if (inode->record.nlink() > 0) return StoreInode(context.txn, inode);
  if (!FileHasOpens(context.txn, inode->Ref())) return DeleteInode(context, inode);
  context.txn.Put(keys::Orphan(inode->fs, inode->id), "");
  StoreInode(context.txn, inode);
}

void ReleaseOrphan(OperationContext& context, const pb::FileRef& file) {
  Inode inode = MustLoad(context.txn, file.fs_id(), file.inode());
  if (inode.record.nlink() > 0 || FileHasOpens(context.txn, file)) return;
  DeleteInode(context, &inode);
  context.txn.Delete(keys::Orphan(file.fs_id(), file.inode()));
}

uint64_t MeteredFileSystemBytes(const Transaction& txn, FileSystemId fs) {
  pb::UsageRecord usage;
  (void)txn.GetRecord(keys::Usage(fs), &usage);  // none yet: all zero
  return static_cast<uint64_t>(usage.bytes()) +
         static_cast<uint64_t>(usage.inodes()) * kMeterInodeBytes;
}

void FillAttributes(const Inode& inode, pb::Attributes* attributes) {
  const pb::InodeRecord& record = inode.record;
  attributes->set_type(record.type());
  attributes->set_mode(record.mode());
  attributes->set_nlink(record.nlink());
  attributes->set_uid(record.uid());
  attributes->set_gid(record.gid());
  attributes->set_size(inode.IsDirectory() ? record.space_used() : record.size());
  attributes->set_space_used(record.space_used());
  *attributes->mutable_file() = inode.Ref();
  *attributes->mutable_atime() = record.atime();
  *attributes->mutable_mtime() = record.mtime();
  *attributes->mutable_ctime() = record.ctime();
  *attributes->mutable_btime() = record.btime();
  attributes->set_change(record.change());
}

void SetChange(uint64_t before, const Inode& directory, pb::ChangeInfo* info) {
  info->set_before(before);
  info->set_after(directory.record.change());
}

}  // namespace openefs::metadata
