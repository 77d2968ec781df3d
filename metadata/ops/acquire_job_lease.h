// One holder at a time for each background job of the cluster.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Takes or renews a lease by the time of the entry; lease_ms 0 gives it back. Not acquired: another
// holds it. FS_INVAL: empty or oversized fields.
struct AcquireJobLeaseOp {
  using Request = pb::AcquireJobLease;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
