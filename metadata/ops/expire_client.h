// The end of a client whose lease ran out long ago: background work of the leader.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Removes the client with all it has; FS_OK also if it is gone already.
struct ExpireClientOp {
  using Request = pb::ExpireClient;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
