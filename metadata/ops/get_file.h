// GETFH (RFC 8881 18.8): which file is current. FS_NO_CURRENT_FILE, FS_STALE.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct GetFileOp {
  using Request = pb::GetFile;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
