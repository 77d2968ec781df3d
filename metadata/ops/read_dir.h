// READDIR (RFC 8881 18.23): entries of the current directory behind a cookie, in the order of their
// cookies. An entry keeps its cookie for life, so no entry that stays is missed or met twice.
// FS_BAD_COOKIE (1 and 2), FS_ACCESS (read permission), FS_NOTDIR, FS_SYMLINK.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct ReadDirOp {
  using Request = pb::ReadDir;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
