// REMOVE (RFC 8881 18.25): takes a name out of the current directory, of a file or of an empty
// directory. FS_NOENT, FS_NOTEMPTY, FS_ACCESS, FS_PERM (sticky), FS_NOTDIR, FS_SYMLINK.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct RemoveOp {
  using Request = pb::Remove;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
