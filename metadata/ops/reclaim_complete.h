// RECLAIM_COMPLETE (RFC 8881 18.51).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Notes that the client has nothing to reclaim; there is never a grace period that waits for it.
// Errors: FS_STALE_CLIENTID, FS_COMPLETE_ALREADY.
struct ReclaimCompleteOp {
  using Request = pb::ReclaimComplete;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
