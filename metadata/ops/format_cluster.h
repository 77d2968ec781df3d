// Makes a cluster out of an empty system group.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Sets the cluster's id and secrets, once for ever. Errors: FS_EXIST (it was done before; nothing
// changes), FS_INVAL (sizes).
struct FormatClusterOp {
  using Request = pb::FormatCluster;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
