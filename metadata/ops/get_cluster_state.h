// The cluster map, the file systems and what front-ends must agree on.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Everything, or the epoch alone where the caller knows it already. FS_NOENT: not formatted yet.
struct GetClusterStateOp {
  using Request = pb::GetClusterState;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
