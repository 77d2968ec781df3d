// CLOSE (RFC 8881 18.2).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Ends an open and gives back the locks that came from it, which the RFC allows and Linux expects.
// The last close of an unlinked file frees it.
struct CloseOp {
  using Request = pb::Close;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
