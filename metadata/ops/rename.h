// RENAME (RFC 8881 18.26): a name in the saved directory becomes a name in the current one, in
// place of a file or an empty directory of that name. Two names of the same file: nothing happens.
// FS_NOENT, FS_XDEV, FS_NOTDIR (directory over file), FS_EXIST (file over directory), FS_NOTEMPTY,
// FS_INVAL (into itself), FS_NAMETOOLONG (too deep), FS_ACCESS, FS_PERM (sticky), FS_SYMLINK.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct RenameOp {
  using Request = pb::Rename;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
