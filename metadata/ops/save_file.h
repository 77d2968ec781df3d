// SAVEFH (RFC 8881 18.28): current file and stateid are saved. FS_NO_CURRENT_FILE.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct SaveFileOp {
  using Request = pb::SaveFile;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
