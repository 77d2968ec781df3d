// Frees some of the extents that truncations and removals of big files left behind.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct PurgeOrphansOp {
  using Request = pb::PurgeOrphans;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
