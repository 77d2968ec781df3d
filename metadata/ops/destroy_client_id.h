// DESTROY_CLIENTID (RFC 8881 18.50).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Errors: FS_STALE_CLIENTID, FS_CLIENTID_BUSY (it has sessions, opens or locks).
struct DestroyClientIdOp {
  using Request = pb::DestroyClientId;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
