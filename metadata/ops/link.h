// LINK (RFC 8881 18.9): another name, in the current directory, for the saved file. FS_EXIST,
// FS_ISDIR, FS_MLINK, FS_NOENT (unlinked already), FS_XDEV, FS_ACCESS, FS_NOTDIR, FS_SYMLINK.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct LinkOp {
  using Request = pb::Link;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
