// RESTOREFH (RFC 8881 18.27): saved file and stateid become current. FS_NO_SAVED_FILE.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct RestoreFileOp {
  using Request = pb::RestoreFile;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
