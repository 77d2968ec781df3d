// What a session is: for front-ends that meet it for the first time.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// FS_BADSESSION: there is none.
struct GetSessionOp {
  using Request = pb::GetSession;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
