// Clients and sessions: their records and indices, kept in step.
#pragma once

#include <optional>
#include <string>

#include "metadata/ops/operation.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

std::optional<pb::ClientRecord> FindClient(const Transaction& txn, uint64_t client_id);
void PutClient(Transaction& txn, const pb::ClientRecord& client);

// The incarnations of an owner; all zero for a new one.
pb::ClientOwnerRecord FindOwner(const Transaction& txn, const std::string& owner_id);
// Writes them back, or removes the row once there is none.
void PutOwner(Transaction& txn, const std::string& owner_id, const pb::ClientOwnerRecord& owner);

// Adds an unconfirmed client under an id that was never used, and counts it. FS_DELAY: there are
// kMaxClients and none of them has lapsed. The caller links it to its owner.
pb::FsError InsertClient(OperationContext& context, pb::ClientRecord* client);

// Whether a client holds opens or locks.
bool HoldsState(const Transaction& txn, uint64_t client_id);

// Removes a client with everything it has: sessions, slots, opens, locks, its place under its
// owner. Nothing happens if it does not exist.
void RemoveClient(OperationContext& context, uint64_t client_id);

// Removes a session with its slots and takes it from its client's count.
void RemoveSession(Transaction& txn, const std::string& session_id);

}  // namespace openefs::metadata
