#include "metadata/ops/unlock.h"

#include "metadata/state/lock_table.h"
#include "metadata/state/state_table.h"

namespace openefs::metadata {

pb::FsError UnlockOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult* result) {
  if (!context.registers.has_current()) return pb::FS_NO_CURRENT_FILE;
  ByteRange range;
  pb::FsError error = MakeByteRange(request.range(), &range);
  if (error != pb::FS_OK) return error;
  HeldState lock;
  error = FindStateOfFile(context, request.stateid(), pb::StateRecord::LOCK,
                          context.registers.current(), &lock);
  if (error != pb::FS_OK) return error;
  error = ApplyRange(context.txn, RangesOfFile(context.txn, lock.record.file()), range,
                     std::nullopt, &lock);
  if (error != pb::FS_OK) return error;
  lock.record.set_seqid(NextSeqid(lock.record.seqid()));
  UpdateState(context.txn, lock);
  *result->mutable_stateid() = StateidOf(context, lock);
  *context.registers.mutable_current_stateid() = result->stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
