// LOOKUPP (RFC 8881 18.14): the parent of the current directory becomes current. FS_NOENT at the
// root; FS_ACCESS, FS_NOTDIR, FS_SYMLINK.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct LookupParentOp {
  using Request = pb::LookupParent;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
