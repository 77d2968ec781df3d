// These fragments of a blob are durable now. A blob that is not queued any more is passed over.
// FS_INVAL: no key of the queue.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct FinishRepairOp {
  using Request = pb::FinishRepair;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
