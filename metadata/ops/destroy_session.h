// DESTROY_SESSION (RFC 8881 18.37).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Removes a session with its slots. FS_BADSESSION: there is none, or it is another client's.
struct DestroySessionOp {
  using Request = pb::DestroySession;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
