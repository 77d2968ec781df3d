#include "metadata/ops/close.h"

#include "metadata/state/state_table.h"

namespace openefs::metadata {

pb::FsError CloseOp::Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result) {
  if (!context.registers.has_current()) return pb::FS_NO_CURRENT_FILE;
  HeldState open;
  pb::FsError error = FindStateOfFile(context, request.stateid(), pb::StateRecord::OPEN,
                                      context.registers.current(), &open);
  if (error != pb::FS_OK) return error;
  RemoveOpen(context, open);
  *result->mutable_stateid() = InvalidStateid();  // 18.2.4: nobody shall use it again
  *context.registers.mutable_current_stateid() = result->stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
