#include "metadata/ops/free_stateid.h"

#include "metadata/state/state_table.h"

namespace openefs::metadata {

pb::FsError FreeStateidOp::Apply(OperationContext& context, const Request& request,
                                 pb::OperationResult*) {
  HeldState state;
  pb::FsError error = FindState(context, request.stateid(), &state);
  if (error != pb::FS_OK) return error;
  // 18.38.3: what still stands for an open or a range cannot be freed.
  if (state.record.kind() == pb::StateRecord::OPEN || state.record.lock_count() > 0) {
    return pb::FS_LOCKS_HELD;
  }
  RemoveLockState(context.txn, state);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
