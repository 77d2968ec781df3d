// Loading, changing and storing inodes. Every change of an inode goes through StoreInode, which
// keeps the file system's usage counters in step.
#pragma once

#include "common/ids.h"
#include "metadata/ops/operation.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

// What EFS reports as space_used of anything that has no data.
inline constexpr uint64_t kMeterBytes = 4096;
// Metadata that EFS meters for each object besides.
inline constexpr uint64_t kMeterInodeBytes = 2048;

// One inode in an operation's hands. Load each inode once per operation: two copies would
// overwrite each other.
struct Inode {
  FileSystemId fs = 0;
  InodeId id = 0;
  pb::InodeRecord record;
  uint64_t counted_bytes = 0;  // its share of the usage counter now

  pb::FileRef Ref() const;
  bool IsDirectory() const { return record.type() == pb::DIRECTORY; }
  bool IsRegular() const { return record.type() == pb::REGULAR; }
};

// ---- loading. FS_STALE: the file is gone, or the generation is another's. A file that is unlinked
// but open is there.

[[nodiscard]] pb::FsError LoadFile(const Transaction& txn, const pb::FileRef& file, Inode* inode);
// FS_NO_CURRENT_FILE: not set.
[[nodiscard]] pb::FsError LoadCurrent(const OperationContext& context, Inode* inode);
// FS_NO_SAVED_FILE: not set.
[[nodiscard]] pb::FsError LoadSaved(const OperationContext& context, Inode* inode);
// What RFC 8881 says where a directory is needed: FS_SYMLINK for a symlink, FS_NOTDIR for others.
[[nodiscard]] pb::FsError RequireDirectory(const Inode& inode);
// FS_ISDIR, FS_SYMLINK, FS_WRONG_TYPE (RFC 8881 15.1: READ, WRITE, OPEN and SETATTR of size).
[[nodiscard]] pb::FsError RequireRegular(const Inode& inode);
[[nodiscard]] pb::FsError LoadCurrentDirectory(const OperationContext& context, Inode* inode);
[[nodiscard]] pb::FsError LoadSavedDirectory(const OperationContext& context, Inode* inode);

// Makes `file` current; the current stateid belongs to the file before (RFC 8881 16.2.3.1.2).
void SetCurrent(OperationContext& context, const pb::FileRef& file);

// Without a generation to compare. False: not there.
bool FindInode(const Transaction& txn, FileSystemId fs, InodeId id, Inode* inode);
// An inode that must be there because a directory entry names it; the store is corrupt otherwise.
Inode MustLoad(const Transaction& txn, FileSystemId fs, InodeId id);

// ---- changing

// Takes the next inode number of the shard of `near` (0: the first shard). The record has its
// generation, change and all times set; nothing is stored yet.
Inode NewInode(OperationContext& context, FileSystemId fs, InodeId near, pb::FileType type);

pb::Timestamp Now(const ApplyEnvironment& environment);

// Metadata changed: ctime and change.
void TouchStatus(const ApplyEnvironment& environment, Inode* inode);
// Contents changed (a file's data, a directory's entries): mtime, ctime and change.
void TouchContents(const ApplyEnvironment& environment, Inode* inode);

// Puts the record, its space_used computed afresh, and the usage counter.
void StoreInode(Transaction& txn, Inode* inode);

// One name less. Without any name left the file goes: at once, or with its last open, when it
// becomes an orphan. Stores it. A directory must be empty.
void DropLink(OperationContext& context, Inode* inode);

// After the last open of a file has gone: frees it if it is an orphan without opens. Does nothing
// otherwise. Bounded: the extents of a big file are left to PurgeOrphans.
void ReleaseOrphan(OperationContext& context, const pb::FileRef& file);

// ---- reporting

// What a file system's use is by EFS's metering: data in units of 4 KiB and 2 KiB of metadata for
// each object.
uint64_t MeteredFileSystemBytes(const Transaction& txn, FileSystemId fs);

void FillAttributes(const Inode& inode, pb::Attributes* attributes);

// Of a directory, from what `change` was before the operation.
void SetChange(uint64_t before, const Inode& directory, pb::ChangeInfo* info);

}  // namespace openefs::metadata
