// EXCHANGE_ID (RFC 8881 18.35).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Finds or makes the client of an owner. The principal is the caller's uid. Errors: FS_CLID_INUSE,
// FS_NOENT, FS_NOT_SAME, FS_PERM (18.35.4), FS_INVAL (sizes), FS_DELAY (too many clients).
struct ExchangeIdOp {
  using Request = pb::ExchangeId;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
