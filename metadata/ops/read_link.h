// READLINK (RFC 8881 18.24): the target of the current symlink. FS_WRONG_TYPE: it is none.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct ReadLinkOp {
  using Request = pb::ReadLink;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
