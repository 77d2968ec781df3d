#include "metadata/state/client_table.h"

#include <algorithm>
#include <vector>

#include "common/check.h"
#include "metadata/state/client_id.h"
#include "metadata/state/limits.h"
#include "metadata/state/state_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint64_t kCounterMask = (uint64_t{1} << kClientCounterBits) - 1;

std::vector<std::string> KeysUnder(const Transaction& txn, const std::string& prefix) {
  std::vector<std::string> found;
  for (auto it = txn.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    found.emplace_back(it->Key().data(), it->Key().size());
  }
  return found;
}

uint64_t ReadNumber(const Transaction& txn, const std::string& key) {
  std::string value;
  return txn.Get(key, &value) ? DecodeU64(value) : 0;
}

// The counter begins at a random number in the lower half and so never wraps in practice.
uint64_t NextClientId(OperationContext& context) {
  uint64_t counter = ReadNumber(context.txn, keys::ClientCounter());
  if (counter == 0) counter = (context.environment.NextRandom() & (kCounterMask >> 1)) + 1;
  OPENEFS_CHECK(counter < kCounterMask);
  context.txn.Put(keys::ClientCounter(), EncodeU64(counter + 1));
  return static_cast<uint64_t>(context.environment.group) << kClientCounterBits | counter;
}

// Makes room among the lapsed. The smallest id goes: all replicas must choose the same one.
bool EvictLapsed(OperationContext& context) {
  const auto* lapsed = context.environment.lapsed_clients;
  if (lapsed == nullptr) return false;
  uint64_t victim = 0;
  for (uint64_t id : *lapsed) {
    const bool better = victim == 0 || id < victim;
    if (better && context.txn.Contains(keys::Client(id))) victim = id;
  }
  if (victim == 0) return false;
  RemoveClient(context, victim);
  return true;
}

void UnlinkFromOwner(Transaction& txn, const pb::ClientRecord& client) {
  pb::ClientOwnerRecord owner = FindOwner(txn, client.owner_id());
  if (owner.confirmed() == client.client_id()) owner.set_confirmed(0);
  if (owner.unconfirmed() == client.client_id()) owner.set_unconfirmed(0);
  PutOwner(txn, client.owner_id(), owner);
}

void RemoveSlots(Transaction& txn, const std::string& session_id) {
  for (std::string& key : KeysUnder(txn, keys::SlotsOfSession(session_id))) {
    txn.Delete(std::move(key));
  }
}

}  // namespace

std::optional<pb::ClientRecord> FindClient(const Transaction& txn, uint64_t client_id) {
  pb::ClientRecord client;
  if (!txn.GetRecord(keys::Client(client_id), &client)) return std::nullopt;
  return client;
}

void PutClient(Transaction& txn, const pb::ClientRecord& client) {
  txn.PutRecord(keys::Client(client.client_id()), client);
}

pb::ClientOwnerRecord FindOwner(const Transaction& txn, const std::string& owner_id) {
  pb::ClientOwnerRecord owner;
  (void)txn.GetRecord(keys::ClientByOwner(owner_id), &owner);  // none yet: all zero
  return owner;
}

void PutOwner(Transaction& txn, const std::string& owner_id, const pb::ClientOwnerRecord& owner) {
  if (owner.confirmed() == 0 && owner.unconfirmed() == 0) {
    txn.Delete(keys::ClientByOwner(owner_id));
  } else {
    txn.PutRecord(keys::ClientByOwner(owner_id), owner);
  }
}

pb::FsError InsertClient(OperationContext& context, pb::ClientRecord* client) {
  if (ReadNumber(context.txn, keys::ClientCount()) >= kMaxClients && !EvictLapsed(context)) {
    return pb::FS_DELAY;
  }
  const uint64_t count = ReadNumber(context.txn, keys::ClientCount());
  context.txn.Put(keys::ClientCount(), EncodeU64(count + 1));
  client->set_client_id(NextClientId(context));
  PutClient(context.txn, *client);
  return pb::FS_OK;
}

bool HoldsState(const Transaction& txn, uint64_t client_id) {
  pb::ClientUsageRecord usage;
  return txn.GetRecord(keys::ClientUsage(client_id), &usage) && usage.states() > 0;
}

void RemoveClient(OperationContext& context, uint64_t client_id) {
  Transaction& txn = context.txn;
  std::optional<pb::ClientRecord> client = FindClient(txn, client_id);
  if (!client.has_value()) return;
  RemoveStatesOfClient(context, client_id);
  const std::string prefix = keys::SessionsOfClient(client_id);
  for (const std::string& key : KeysUnder(txn, prefix)) {
    RemoveSession(txn, key.substr(prefix.size()));
  }
  UnlinkFromOwner(txn, *client);
  txn.Delete(keys::ClientUsage(client_id));
  txn.Delete(keys::Client(client_id));
  const uint64_t count = ReadNumber(txn, keys::ClientCount());
  OPENEFS_CHECK(count > 0);
  txn.Put(keys::ClientCount(), EncodeU64(count - 1));
}

void RemoveSession(Transaction& txn, const std::string& session_id) {
  const uint64_t client_id = ClientOfSession(session_id);
  RemoveSlots(txn, session_id);
  txn.Delete(keys::Session(session_id));
  txn.Delete(keys::SessionByClient(client_id, session_id));
  std::optional<pb::ClientRecord> client = FindClient(txn, client_id);
  OPENEFS_CHECK(client.has_value() && client->sessions() > 0);
  client->set_sessions(client->sessions() - 1);
  PutClient(txn, *client);
}

}  // namespace openefs::metadata
