// CREATE (RFC 8881 18.4): a directory, symlink, FIFO or socket in the current directory; it becomes
// current. FS_BADTYPE, FS_EXIST, FS_INVAL and FS_NAMETOOLONG (symlink target), and those of
// CreateEntry.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct CreateOp {
  using Request = pb::Create;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
