#include "metadata/state/state_table.h"

#include <vector>

#include "common/check.h"
#include "metadata/ops/inode.h"
#include "metadata/state/limits.h"
#include "metadata/state/lock_table.h"
#include "metadata/state/open_files.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint64_t kCounterStartMask = (uint64_t{1} << 62) - 1;

// State ids begin at a random number, so that those of a cluster formatted anew do not meet old
// ones.
uint64_t NextStateId(OperationContext& context) {
  std::string stored;
  uint64_t id = context.txn.Get(keys::StateCounter(), &stored)
                    ? DecodeU64(stored)
                    : (context.environment.NextRandom() & kCounterStartMask) + 1;
  context.txn.Put(keys::StateCounter(), EncodeU64(id + 1));
  return id;
}

// Of a new state, whose id nothing had before.
void PutIndices(Transaction& txn, const HeldState& state) {
  const pb::StateRecord& record = state.record;
  const pb::FileRef& file = record.file();
  txn.PutUnused(keys::StateByClient(record.client_id(), state.id), "");
  txn.Put(keys::StateByOwner(record.client_id(), record.kind(), file.fs_id(), file.inode(),
                             record.owner()),
          EncodeU64(state.id));
  if (record.kind() == pb::StateRecord::OPEN) {
    txn.PutUnused(keys::StateByFile(file.fs_id(), file.inode(), state.id), "");
    if (record.share_deny() != 0) {
      txn.PutUnused(keys::DenyByFile(file.fs_id(), file.inode(), state.id), "");
    }
  } else {
    txn.PutUnused(keys::LockStateByOpen(record.open_state(), state.id), "");
  }
}

void DeleteRecordAndIndices(Transaction& txn, const HeldState& state) {
  const pb::StateRecord& record = state.record;
  const pb::FileRef& file = record.file();
  txn.Delete(keys::State(state.id));
  txn.Delete(keys::StateByClient(record.client_id(), state.id));
  txn.Delete(keys::StateByOwner(record.client_id(), record.kind(), file.fs_id(), file.inode(),
                                record.owner()));
  if (record.kind() == pb::StateRecord::LOCK) {
    txn.Delete(keys::LockStateByOpen(record.open_state(), state.id));
    return;
  }
  txn.Delete(keys::StateByFile(file.fs_id(), file.inode(), state.id));
  if (record.share_deny() != 0) {
    txn.Delete(keys::DenyByFile(file.fs_id(), file.inode(), state.id));
  }
}

HeldState LoadState(const Transaction& txn, uint64_t id) {
  HeldState state;
  state.id = id;
  OPENEFS_CHECK(txn.GetRecord(keys::State(id), &state.record));
  return state;
}

// How many lock states came from an open stands in its record, so that a CLOSE without any looks
// for none.
void CountLockState(Transaction& txn, const HeldState& lock, int change) {
  HeldState open = LoadState(txn, lock.record.open_state());
  const int64_t count = int64_t{open.record.lock_states()} + change;
  OPENEFS_CHECK(count >= 0);
  open.record.set_lock_states(static_cast<uint32_t>(count));
  txn.PutRecord(keys::State(open.id), open.record);
}

void ReleaseUsage(Transaction& txn, uint64_t client_id) {
  pb::ClientUsageRecord usage;
  OPENEFS_CHECK(txn.GetRecord(keys::ClientUsage(client_id), &usage));
  OPENEFS_CHECK(usage.states() > 0);
  usage.set_states(usage.states() - 1);
  txn.PutRecord(keys::ClientUsage(client_id), usage);
}

// The ids that end the keys of a prefix: the transaction may be changed while going through them.
std::vector<uint64_t> IdsUnder(const Transaction& txn, const std::string& prefix) {
  std::vector<uint64_t> ids;
  for (auto it = txn.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    absl::string_view key = it->Key();
    key.remove_prefix(prefix.size());
    ids.push_back(DecodeU64(key));
  }
  return ids;
}

void RemoveLockStatesOf(Transaction& txn, const HeldState& open) {
  const std::vector<uint64_t> locks = IdsUnder(txn, keys::LockStatesOfOpen(open.id));
  OPENEFS_CHECK(locks.size() == open.record.lock_states());
  for (uint64_t id : locks) RemoveLockState(txn, LoadState(txn, id));
}

// RFC 8881 8.2.2: seqids are compared as serial numbers, because they wrap around.
pb::FsError CompareSeqid(uint32_t given, uint32_t current) {
  if (given == 0 || given == current) return pb::FS_OK;
  return static_cast<int32_t>(given - current) > 0 ? pb::FS_BAD_STATEID : pb::FS_OLD_STATEID;
}

}  // namespace

pb::FsError FindState(const OperationContext& context, const pb::Stateid& stateid,
                      HeldState* state) {
  ParsedStateid parsed = ParseStateid(stateid);
  if (parsed.kind == StateidClass::kCurrent && context.registers.has_current_stateid()) {
    parsed = ParseStateid(context.registers.current_stateid());
  }
  if (parsed.kind != StateidClass::kOrdinary || parsed.group != context.environment.group) {
    return pb::FS_BAD_STATEID;
  }
  state->id = parsed.state;
  if (!context.txn.GetRecord(keys::State(parsed.state), &state->record)) {
    return pb::FS_BAD_STATEID;
  }
  if (state->record.kind() != parsed.state_kind || state->record.client_id() != context.client_id) {
    return pb::FS_BAD_STATEID;
  }
  return CompareSeqid(parsed.seqid, state->record.seqid());
}

pb::FsError FindStateOfFile(const OperationContext& context, const pb::Stateid& stateid,
                            pb::StateRecord::Kind kind, const pb::FileRef& file, HeldState* state) {
  pb::FsError error = FindState(context, stateid, state);
  if (error != pb::FS_OK) return error;
  const bool fits = state->record.kind() == kind && SameFile(state->record.file(), file);
  return fits ? pb::FS_OK : pb::FS_BAD_STATEID;
}

std::optional<HeldState> FindByOwner(const Transaction& txn, pb::StateRecord::Kind kind,
                                     uint64_t client_id, const std::string& owner,
                                     const pb::FileRef& file) {
  std::string id;
  if (!txn.Get(keys::StateByOwner(client_id, kind, file.fs_id(), file.inode(), owner), &id)) {
    return std::nullopt;
  }
  return LoadState(txn, DecodeU64(id));
}

bool SameFile(const pb::FileRef& a, const pb::FileRef& b) {
  return a.fs_id() == b.fs_id() && a.inode() == b.inode() && a.generation() == b.generation();
}

pb::Stateid StateidOf(const OperationContext& context, const HeldState& state) {
  return MakeStateid(state.record.kind(), context.environment.group, state.id,
                     state.record.seqid());
}

pb::FsError InsertState(OperationContext& context, HeldState* state) {
  const uint64_t client_id = state->record.client_id();
  pb::ClientUsageRecord usage;
  (void)context.txn.GetRecord(keys::ClientUsage(client_id), &usage);  // none yet: all zero
  if (usage.states() >= kMaxStatesPerClient) return pb::FS_DQUOT;
  usage.set_states(usage.states() + 1);
  context.txn.PutRecord(keys::ClientUsage(client_id), usage);
  state->id = NextStateId(context);
  PutIndices(context.txn, *state);
  context.txn.PutUnused(keys::State(state->id), state->record.SerializeAsString());
  if (state->record.kind() == pb::StateRecord::LOCK) CountLockState(context.txn, *state, 1);
  return pb::FS_OK;
}

void UpdateState(Transaction& txn, const HeldState& state) {
  const pb::StateRecord& record = state.record;
  txn.PutRecord(keys::State(state.id), record);
  if (record.kind() != pb::StateRecord::OPEN) return;
  std::string deny_key = keys::DenyByFile(record.file().fs_id(), record.file().inode(), state.id);
  if (record.share_deny() != 0) {
    txn.Put(std::move(deny_key), "");
  } else if (txn.Contains(deny_key)) {
    txn.Delete(std::move(deny_key));
  }
}

void RemoveOpen(OperationContext& context, const HeldState& open) {
  OPENEFS_CHECK(open.record.kind() == pb::StateRecord::OPEN);
  if (open.record.lock_states() > 0) RemoveLockStatesOf(context.txn, open);
  DeleteRecordAndIndices(context.txn, open);
  ReleaseUsage(context.txn, open.record.client_id());
  ReleaseOrphan(context, open.record.file());
}

void RemoveLockState(Transaction& txn, const HeldState& lock) {
  OPENEFS_CHECK(lock.record.kind() == pb::StateRecord::LOCK);
  RemoveAllRanges(txn, lock);
  DeleteRecordAndIndices(txn, lock);
  CountLockState(txn, lock, -1);
  ReleaseUsage(txn, lock.record.client_id());
}

void RemoveStatesOfClient(OperationContext& context, uint64_t client_id) {
  for (uint64_t id : IdsUnder(context.txn, keys::StatesOfClient(client_id))) {
    if (!context.txn.Contains(keys::State(id))) continue;  // a lock that went with its open
    HeldState state = LoadState(context.txn, id);
    if (state.record.kind() == pb::StateRecord::OPEN) {
      RemoveOpen(context, state);
    } else {
      RemoveLockState(context.txn, state);
    }
  }
}

bool FileHasOpens(const Transaction& txn, const pb::FileRef& file) {
  const std::string prefix = keys::StatesOfFile(file.fs_id(), file.inode());
  return txn.Scan(prefix, PrefixEnd(prefix))->Valid();
}

}  // namespace openefs::metadata
