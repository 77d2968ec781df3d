// PUTROOTFH (RFC 8881 18.21): the root directory of a file system becomes current. FS_STALE: this
// group has no such file system.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct PutRootOp {
  using Request = pb::PutRoot;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
