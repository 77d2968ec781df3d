// Who may do what: POSIX mode bits, groups, the sticky bit. User 0 may do everything (EFS calls it
// no_root_squash), except that it executes only what somebody may execute.
#pragma once

#include "proto/common.pb.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

// As in one digit of a mode.
inline constexpr uint32_t kMayRead = 4;
inline constexpr uint32_t kMayWrite = 2;
inline constexpr uint32_t kMayExecute = 1;

inline constexpr uint32_t kSetUid = 04000;
inline constexpr uint32_t kSetGid = 02000;
inline constexpr uint32_t kSticky = 01000;
inline constexpr uint32_t kModeBits = 07777;

bool IsSuperuser(const pb::Credentials& who);
bool InGroup(const pb::Credentials& who, uint32_t gid);
bool OwnerOrSuperuser(const pb::Credentials& who, const pb::InodeRecord& file);

// Of `wanted` (kMay...), what `who` is granted.
uint32_t Granted(const pb::Credentials& who, const pb::InodeRecord& file, uint32_t wanted);

// FS_ACCESS unless everything wanted is granted.
[[nodiscard]] pb::FsError CheckMode(const pb::Credentials& who, const pb::InodeRecord& file,
                                    uint32_t wanted);

// Taking a name out of `directory` (unlink, rename): write and search permission, and where the
// directory is sticky, ownership of it or of the file (FS_PERM).
[[nodiscard]] pb::FsError CheckMayUnlink(const pb::Credentials& who,
                                         const pb::InodeRecord& directory,
                                         const pb::InodeRecord& file);

// The set-id bits that a write or truncation by `who` takes away (Linux: set-user-id always, and
// set-group-id where the group may execute).
uint32_t ModeAfterDataChange(const pb::Credentials& who, uint32_t mode);

}  // namespace openefs::metadata
