// SETATTR (RFC 8881 18.30) of the current file: all of the changes or none. FS_PERM, FS_ACCESS,
// FS_INVAL, FS_FBIG, FS_DELAY; with a size also FS_ISDIR, FS_SYMLINK, FS_WRONG_TYPE and those of
// CheckIoState.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct SetAttrOp {
  using Request = pb::SetAttr;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
