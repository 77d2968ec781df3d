// A new file system; FormatFileSystem then makes its root in its group.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Without a name it gets "fs-" and 17 hex digits. Errors: FS_EXIST with the one of that name in the
// result, FS_BADNAME, FS_INVAL (groups), FS_NOENT (no cluster yet), FS_DQUOT (kMaxFileSystems).
struct CreateFileSystemOp {
  using Request = pb::CreateFileSystem;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
