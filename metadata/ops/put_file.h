// PUTFH (RFC 8881 18.19): the file becomes current. FS_STALE: it is gone.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct PutFileOp {
  using Request = pb::PutFile;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
