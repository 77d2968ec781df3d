#include "metadata/ops/attributes.h"

#include "common/limits.h"
#include "metadata/ops/permission.h"
#include "metadata/store/extents.h"

namespace openefs::metadata {
namespace {

constexpr uint32_t kDefaultDirectoryMode = 0755;
constexpr uint32_t kDefaultFileMode = 0644;
constexpr uint32_t kSymlinkMode = 0777;  // nobody looks at it
constexpr uint32_t kMaxNanoseconds = 999'999'999;
constexpr int64_t kNsPerMs = 1'000'000;

bool ValidTime(const pb::SetTime& time) {
  return time.server_time() || time.time().nanoseconds() <= kMaxNanoseconds;
}

bool ValidTimes(const pb::AttributeChange& change) {
  return (!change.has_atime() || ValidTime(change.atime())) &&
         (!change.has_mtime() || ValidTime(change.mtime()));
}

// chown(2) as Linux restricts it: only the superuser gives files away; the owner may choose among
// his groups.
pb::FsError CheckOwnerChange(const pb::Credentials& who, const pb::AttributeChange& change,
                             const pb::InodeRecord& file) {
  if (IsSuperuser(who)) return pb::FS_OK;
  const bool owner = who.uid() == file.uid();
  if (change.has_uid() && !(owner && change.uid() == file.uid())) return pb::FS_PERM;
  if (!change.has_gid()) return pb::FS_OK;
  return owner && (change.gid() == file.gid() || InGroup(who, change.gid())) ? pb::FS_OK
                                                                             : pb::FS_PERM;
}

// A given time needs the owner; "now" needs the owner or write permission.
pb::FsError CheckTime(const pb::Credentials& who, const pb::SetTime& time,
                      const pb::InodeRecord& file) {
  if (OwnerOrSuperuser(who, file)) return pb::FS_OK;
  return time.server_time() ? CheckMode(who, file, kMayWrite) : pb::FS_PERM;
}

pb::FsError CheckTimes(const pb::Credentials& who, const pb::AttributeChange& change,
                       const pb::InodeRecord& file) {
  if (change.has_atime()) {
    if (pb::FsError error = CheckTime(who, change.atime(), file); error != pb::FS_OK) return error;
  }
  return change.has_mtime() ? CheckTime(who, change.mtime(), file) : pb::FS_OK;
}

pb::FsError CheckChange(const pb::Credentials& who, const pb::AttributeChange& change,
                        const pb::InodeRecord& file) {
  if (!ValidTimes(change)) return pb::FS_INVAL;
  if (change.has_mode() && !OwnerOrSuperuser(who, file)) return pb::FS_PERM;
  if (pb::FsError error = CheckOwnerChange(who, change, file); error != pb::FS_OK) return error;
  return CheckTimes(who, change, file);
}

// Nobody makes a file run with a group he is not in.
uint32_t AllowedMode(const pb::Credentials& who, uint32_t mode, uint32_t gid) {
  mode &= kModeBits;
  return IsSuperuser(who) || InGroup(who, gid) ? mode : mode & ~kSetGid;
}

// Set-id bits never outlive a change of owner, whoever makes it.
uint32_t ModeAfterChown(uint32_t mode) {
  constexpr uint32_t kGroupExecute = 0010;
  return mode & ~(kSetUid | ((mode & kGroupExecute) != 0 ? kSetGid : 0));
}

void SetTimes(const ApplyEnvironment& environment, const pb::AttributeChange& change,
              pb::InodeRecord* record) {
  const auto pick = [&](const pb::SetTime& time) {
    return time.server_time() ? Now(environment) : time.time();
  };
  if (change.has_atime()) *record->mutable_atime() = pick(change.atime());
  if (change.has_mtime()) *record->mutable_mtime() = pick(change.mtime());
}

bool ChangesAnything(const pb::AttributeChange& change) {
  return change.has_mode() || change.has_uid() || change.has_gid() || change.has_atime() ||
         change.has_mtime();
}

uint32_t DefaultMode(pb::FileType type) {
  return type == pb::DIRECTORY ? kDefaultDirectoryMode : kDefaultFileMode;
}

}  // namespace

pb::FsError ChangeAttributes(OperationContext& context, const pb::AttributeChange& change,
                             Inode* inode) {
  if (!ChangesAnything(change)) return pb::FS_OK;
  pb::InodeRecord& record = inode->record;
  const pb::Credentials& who = context.credentials;
  if (pb::FsError error = CheckChange(who, change, record); error != pb::FS_OK) return error;
  if (change.has_uid()) record.set_uid(change.uid());
  if (change.has_gid()) record.set_gid(change.gid());
  if (change.has_mode() && record.type() != pb::SYMLINK)
    record.set_mode(AllowedMode(who, change.mode(), record.gid()));
  if ((change.has_uid() || change.has_gid()) && !inode->IsDirectory())
    record.set_mode(ModeAfterChown(record.mode()));
  SetTimes(context.environment, change, &record);
  TouchStatus(context.environment, inode);
  return pb::FS_OK;
}

pb::FsError InitializeAttributes(OperationContext& context, const pb::AttributeChange& attributes,
                                 Inode* inode) {
  if (!ValidTimes(attributes)) return pb::FS_INVAL;
  const pb::Credentials& who = context.credentials;
  pb::InodeRecord& record = inode->record;
  pb::FsError error = CheckOwnerChange(who, attributes, record);
  if (error != pb::FS_OK) return error;
  if (attributes.has_uid()) record.set_uid(attributes.uid());
  if (attributes.has_gid()) record.set_gid(attributes.gid());
  const uint32_t mode = attributes.has_mode() ? attributes.mode() : DefaultMode(record.type());
  record.set_mode(record.type() == pb::SYMLINK ? kSymlinkMode
                                               : AllowedMode(who, mode, record.gid()));
  if (attributes.has_size() && inode->IsRegular()) {
    if (attributes.size() > kMaxFileBytes) return pb::FS_FBIG;
    record.set_size(attributes.size());
  }
  SetTimes(context.environment, attributes, &record);
  return pb::FS_OK;
}

pb::FsError TruncateFile(OperationContext& context, uint64_t size, Inode* inode) {
  if (size > kMaxFileBytes) return pb::FS_FBIG;
  pb::InodeRecord& record = inode->record;
  if (size < record.size()) {
    const auto now_ms = static_cast<uint64_t>(context.environment.wall_time_ns / kNsPerMs);
    if (!TruncateExtents({context.txn, inode->fs, inode->id, record, now_ms}, size))
      return pb::FS_DELAY;
  }
  record.set_size(size);
  record.set_mode(ModeAfterDataChange(context.credentials, record.mode()));
  TouchContents(context.environment, inode);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
