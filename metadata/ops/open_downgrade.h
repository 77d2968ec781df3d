// OPEN_DOWNGRADE (RFC 8881 18.18).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Takes back shares of an open. FS_INVAL: the shares are not the union of some that were opened.
struct OpenDowngradeOp {
  using Request = pb::OpenDowngrade;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
