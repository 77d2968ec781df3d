// LOCKT (RFC 8881 18.11).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// FS_DENIED with the conflict in the result, or FS_OK; FS_INVAL.
struct LockTestOp {
  using Request = pb::LockTest;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
