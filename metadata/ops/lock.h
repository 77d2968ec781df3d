// LOCK (RFC 8881 18.10).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Errors: FS_DENIED with the conflict in the result, FS_OPENMODE, FS_INVAL, FS_NO_GRACE (reclaim),
// FS_DQUOT (limits), FS_BAD_STATEID, FS_OLD_STATEID.
struct LockOp {
  using Request = pb::Lock;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
