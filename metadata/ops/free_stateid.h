// FREE_STATEID (RFC 8881 18.38).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Frees a lock state that holds nothing. Errors: FS_LOCKS_HELD (an open, or ranges are held),
// FS_BAD_STATEID, FS_OLD_STATEID.
struct FreeStateidOp {
  using Request = pb::FreeStateid;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
