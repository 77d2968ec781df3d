// GETATTR (RFC 8881 18.7) of the current file, needing no permission. FS_STALE.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct GetAttrOp {
  using Request = pb::GetAttr;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
