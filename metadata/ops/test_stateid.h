// TEST_STATEID (RFC 8881 18.48).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// One error per stateid: FS_OK, FS_BAD_STATEID or FS_OLD_STATEID.
struct TestStateidOp {
  using Request = pb::TestStateid;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
