// The fragments of these blobs are gone: forgets the blobs. Keys that are not in the queue any more
// are passed over. FS_INVAL: no key of the queue.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct FinishCollectOp {
  using Request = pb::FinishCollect;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
