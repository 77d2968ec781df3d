// READ (RFC 8881 18.22), the metadata half: which inline bytes, blobs and holes make up a range of
// the current file. FS_ACCESS, FS_ISDIR, FS_SYMLINK, FS_WRONG_TYPE, and those of CheckIoState.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct ReadPlanOp {
  using Request = pb::ReadPlan;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
