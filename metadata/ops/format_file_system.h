// Makes the root directory of a new file system. FS_EXIST: it is there. FS_INVAL: fs_id 0.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct FormatFileSystemOp {
  using Request = pb::FormatFileSystem;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
