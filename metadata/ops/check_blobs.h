// Which of these blobs are referenced or wait to be collected? The others are garbage once they are
// older than kBlobOrphanMs. FS_INVAL: too many.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct CheckBlobsOp {
  using Request = pb::CheckBlobs;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
