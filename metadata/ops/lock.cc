#include "metadata/ops/lock.h"

#include "common/check.h"
#include "metadata/state/limits.h"
#include "metadata/state/lock_table.h"
#include "metadata/state/share.h"
#include "metadata/state/state_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// The lock state a request speaks of, and the open it stands on. A new one is not in the table yet:
// it has id 0.
struct Holder {
  HeldState lock;
  uint32_t share_access = 0;
};

pb::FsError FindNewHolder(const OperationContext& context, const pb::Lock& request,
                          Holder* holder) {
  const std::string& owner = request.owner().owner();
  if (owner.size() > kMaxOwnerBytes) return pb::FS_INVAL;
  HeldState open;
  pb::FsError error = FindStateOfFile(context, request.open_stateid(), pb::StateRecord::OPEN,
                                      context.registers.current(), &open);
  if (error != pb::FS_OK) return error;
  holder->share_access = open.record.share_access();
  // A client may call an owner new that we know: it forgot, or its last answer was lost.
  if (auto known = FindByOwner(context.txn, pb::StateRecord::LOCK, context.client_id, owner,
                               context.registers.current())) {
    holder->lock = *std::move(known);
    return pb::FS_OK;
  }
  pb::StateRecord& record = holder->lock.record;
  record.set_kind(pb::StateRecord::LOCK);
  record.set_client_id(context.client_id);
  record.set_owner(owner);
  *record.mutable_file() = context.registers.current();
  record.set_open_state(open.id);
  return pb::FS_OK;
}

pb::FsError FindKnownHolder(const OperationContext& context, const pb::Lock& request,
                            Holder* holder) {
  pb::FsError error = FindStateOfFile(context, request.lock_stateid(), pb::StateRecord::LOCK,
                                      context.registers.current(), &holder->lock);
  if (error != pb::FS_OK) return error;
  pb::StateRecord open;
  OPENEFS_CHECK(context.txn.GetRecord(keys::State(holder->lock.record.open_state()), &open));
  holder->share_access = open.share_access();
  return pb::FS_OK;
}

// Looks for a lock in the way. Those of lapsed clients yield, and then the ranges are read afresh.
pb::FsError CheckConflict(OperationContext& context, const pb::Lock& request, ByteRange range,
                          const std::string& owner, std::vector<HeldRange>* ranges,
                          pb::OperationResult* result) {
  while (true) {  // ends: every turn removes a client
    *ranges = RangesOfFile(context.txn, context.registers.current());
    const HeldRange* held =
        FindConflict(*ranges, range, request.exclusive(), context.client_id, owner);
    if (held == nullptr) return pb::FS_OK;
    if (YieldIfLapsed(context, held->client_id)) continue;
    DescribeConflict(*held, result->mutable_conflict());
    return pb::FS_DENIED;
  }
}

}  // namespace

pb::FsError LockOp::Apply(OperationContext& context, const Request& request,
                          pb::OperationResult* result) {
  if (!context.registers.has_current()) return pb::FS_NO_CURRENT_FILE;
  ByteRange range;
  pb::FsError error = MakeByteRange(request.range(), &range);
  if (error != pb::FS_OK) return error;
  if (request.reclaim()) return pb::FS_NO_GRACE;  // nothing is ever lost that could be reclaimed
  Holder holder;
  error = request.new_owner() ? FindNewHolder(context, request, &holder)
                              : FindKnownHolder(context, request, &holder);
  if (error != pb::FS_OK) return error;
  const uint32_t needed = request.exclusive() ? kShareWrite : kShareRead;
  if ((holder.share_access & needed) == 0) return pb::FS_OPENMODE;

  HeldState& lock = holder.lock;
  std::vector<HeldRange> ranges;
  error = CheckConflict(context, request, range, lock.record.owner(), &ranges, result);
  if (error != pb::FS_OK) return error;
  if (lock.id == 0) error = InsertState(context, &lock);
  if (error != pb::FS_OK) return error;
  error = ApplyRange(context.txn, ranges, range, request.exclusive(), &lock);
  if (error != pb::FS_OK) return error;
  lock.record.set_seqid(NextSeqid(lock.record.seqid()));
  UpdateState(context.txn, lock);
  *result->mutable_stateid() = StateidOf(context, lock);
  *context.registers.mutable_current_stateid() = result->stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
