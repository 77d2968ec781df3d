// Blobs that nobody has referred to for kCollectDelayMs, oldest first, behind `after`: their
// fragments may go.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct ListCollectableOp {
  using Request = pb::ListCollectable;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
