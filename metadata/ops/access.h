// ACCESS (RFC 8881 18.1): which of the asked accesses the current file grants.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct AccessOp {
  using Request = pb::Access;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
