#include "metadata/ops/permission.h"

#include <algorithm>

namespace openefs::metadata {
namespace {

constexpr uint32_t kAnyExecute = 0111;
constexpr uint32_t kGroupExecute = 0010;

uint32_t GrantedToSuperuser(const pb::InodeRecord& file) {
  const bool executes = file.type() == pb::DIRECTORY || (file.mode() & kAnyExecute) != 0;
  return kMayRead | kMayWrite | (executes ? kMayExecute : 0);
}

// The one digit of the mode that counts: the most specific class, even if another allows more.
uint32_t GrantedByMode(const pb::Credentials& who, const pb::InodeRecord& file) {
  if (who.uid() == file.uid()) return file.mode() >> 6;
  if (InGroup(who, file.gid())) return file.mode() >> 3;
  return file.mode();
}

}  // namespace

bool IsSuperuser(const pb::Credentials& who) { return who.uid() == 0; }

bool InGroup(const pb::Credentials& who, uint32_t gid) {
  return who.gid() == gid ||
         std::find(who.gids().begin(), who.gids().end(), gid) != who.gids().end();
}

bool OwnerOrSuperuser(const pb::Credentials& who, const pb::InodeRecord& file) {
  return IsSuperuser(who) || who.uid() == file.uid();
}

uint32_t Granted(const pb::Credentials& who, const pb::InodeRecord& file, uint32_t wanted) {
  return wanted & (IsSuperuser(who) ? GrantedToSuperuser(file) : GrantedByMode(who, file));
}

pb::FsError CheckMode(const pb::Credentials& who, const pb::InodeRecord& file, uint32_t wanted) {
  return Granted(who, file, wanted) == wanted ? pb::FS_OK : pb::FS_ACCESS;
}

pb::FsError CheckMayUnlink(const pb::Credentials& who, const pb::InodeRecord& directory,
                           const pb::InodeRecord& file) {
  if (CheckMode(who, directory, kMayWrite | kMayExecute) != pb::FS_OK) return pb::FS_ACCESS;
  if ((directory.mode() & kSticky) == 0) return pb::FS_OK;
  return OwnerOrSuperuser(who, directory) || who.uid() == file.uid() ? pb::FS_OK : pb::FS_PERM;
}

uint32_t ModeAfterDataChange(const pb::Credentials& who, uint32_t mode) {
  if (IsSuperuser(who)) return mode;
  const uint32_t cleared = kSetUid | ((mode & kGroupExecute) != 0 ? kSetGid : 0);
  return mode & ~cleared;
}

}  // namespace openefs::metadata
