// Which node holds which fragment of the blobs of one group.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// A group's code never changes. Errors: FS_INVAL (id, code, number of nodes, one twice), FS_NOENT
// (a node that is unknown or GONE).
struct DefinePlacementGroupOp {
  using Request = pb::DefinePlacementGroup;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
