// LOCKU (RFC 8881 18.12).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Gives back a range, held or not. Errors: FS_INVAL, FS_DQUOT (it would split into too many),
// FS_BAD_STATEID, FS_OLD_STATEID.
struct UnlockOp {
  using Request = pb::Unlock;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
