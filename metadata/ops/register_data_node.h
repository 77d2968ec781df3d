// A data node joins the cluster, or comes back.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// The node is UP afterwards. A node id belongs to one store for ever: whoever lost its disk comes
// back under another. Errors: FS_NOT_SAME (that id has another store or zone), FS_EXIST (that store
// has another id), FS_STALE (it is GONE), FS_INVAL, FS_NOENT (no cluster yet), FS_DQUOT.
struct RegisterDataNodeOp {
  using Request = pb::RegisterDataNode;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = true;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
