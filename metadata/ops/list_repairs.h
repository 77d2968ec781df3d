// Blobs with missing fragments, in the order of their keys, behind `after` (empty: from the start).
// FS_INVAL: no key of the queue.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct ListRepairsOp {
  using Request = pb::ListRepairs;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
