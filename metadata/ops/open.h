// OPEN (RFC 8881 18.16).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Opens a file by name in the current directory, making it if asked to, or the current file
// itself. Sets the current file and the current stateid.
struct OpenOp {
  using Request = pb::Open;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
