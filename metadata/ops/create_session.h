// CREATE_SESSION (RFC 8881 18.36).
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// Confirms a client and gives it a session; a repeat of the last csa_sequence gets the last answer
// again, errors too. Errors: FS_STALE_CLIENTID, FS_SEQ_MISORDERED, FS_CLID_INUSE, FS_INVAL,
// FS_NOSPC (kMaxSessionsPerClient).
struct CreateSessionOp {
  using Request = pb::CreateSession;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static constexpr bool kKeepsChangesOnError = true;  // the answer that is kept for a repeat
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
