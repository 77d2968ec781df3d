// Opens and lock states: their records and every index that leads to them, kept in step.
#pragma once

#include <optional>

#include "metadata/ops/operation.h"
#include "metadata/state/stateid.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

struct HeldState {
  uint64_t id = 0;
  pb::StateRecord record;
};

// The state that `stateid` names: an ordinary one or the current stateid. FS_OK, FS_BAD_STATEID
// (unknown, another client's, another kind's, a seqid of the future) or FS_OLD_STATEID, as
// RFC 8881 8.2.4 says.
pb::FsError FindState(const OperationContext& context, const pb::Stateid& stateid,
                      HeldState* state);
// The same for an open, or a lock state, of `file`; a state of another file is FS_BAD_STATEID.
pb::FsError FindStateOfFile(const OperationContext& context, const pb::Stateid& stateid,
                            pb::StateRecord::Kind kind, const pb::FileRef& file, HeldState* state);

// The one open (or lock state) that an owner has on a file.
std::optional<HeldState> FindByOwner(const Transaction& txn, pb::StateRecord::Kind kind,
                                     uint64_t client_id, const std::string& owner,
                                     const pb::FileRef& file);

bool SameFile(const pb::FileRef& a, const pb::FileRef& b);

// The stateid of a state as it stands, in this context's group.
pb::Stateid StateidOf(const OperationContext& context, const HeldState& state);

// Adds a state with all its indices and sets its id. FS_DQUOT: the client has kMaxStatesPerClient.
pb::FsError InsertState(OperationContext& context, HeldState* state);

// Writes a state back whose seqid, shares or lock count changed.
void UpdateState(Transaction& txn, const HeldState& state);

// Removes an open with the lock states that came from it; the file itself, if it was unlinked and
// this was its last open.
void RemoveOpen(OperationContext& context, const HeldState& open);

// Removes a lock state and the ranges it holds.
void RemoveLockState(Transaction& txn, const HeldState& lock);

// Removes every open and lock of a client.
void RemoveStatesOfClient(OperationContext& context, uint64_t client_id);

}  // namespace openefs::metadata
