// What the cluster thinks of a data node.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// GONE is for ever. Errors: FS_NOENT (unknown node), FS_STALE (it is GONE), FS_INVAL.
struct SetNodeStatusOp {
  using Request = pb::SetNodeStatus;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
