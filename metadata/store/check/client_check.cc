#include <map>

#include "absl/strings/escaping.h"
#include "metadata/state/client_id.h"
#include "metadata/store/check/row_form.h"
#include "metadata/store/check/state_check.h"

namespace openefs::metadata {
namespace {

constexpr uint64_t kCounterMask = (uint64_t{1} << kClientCounterBits) - 1;

class ClientCheck {
 public:
  ClientCheck(const KvSnapshot& snapshot, Reporter* reporter)
      : snapshot_(snapshot), reporter_(*reporter) {}

  void Run() {
    CheckSessions();
    CheckSessionIndex();
    CheckSlots();
    CheckClientRecords();
    CheckOwners();
    CheckUsageRows();
  }

 private:
  template <typename OnRow>
  void ForEach(KeyTag tag, OnRow row) {
    SoundRows rows(snapshot_, keys::kClusterWide, tag);
    for (; rows.Valid() && reporter_.Row(); rows.Next()) row(rows.Key(), rows.Value());
  }
  template <typename... Parts>
  void Problem(uint64_t client, const Parts&... parts) {
    reporter_.Problem("client ", absl::Hex(client), ": ", parts...);
  }
  bool HasClient(uint64_t client) const { return HasKey(snapshot_, keys::Client(client)); }

  void CheckSessions();
  void CheckSessionIndex();
  void CheckSlots();
  void CheckClientRecords();
  void CheckOwners();
  void CheckUsageRows();

  const KvSnapshot& snapshot_;
  Reporter& reporter_;
  std::map<uint64_t, uint32_t> sessions_;  // of each client
};

void ClientCheck::CheckSessions() {
  ForEach(KeyTag::kSession, [this](KeyReader key, absl::string_view value) {
    ++reporter_.report.sessions;
    const std::string id(key.Rest());
    pb::SessionRecord session;
    if (!ParseRecord(value, &session)) return;
    ++sessions_[session.client_id()];
    if (ClientOfSession(id) != session.client_id() || !HasClient(session.client_id())) {
      Problem(session.client_id(), "session ", absl::BytesToHexString(id), " of nobody");
    }
    if (!HasKey(snapshot_, keys::SessionByClient(session.client_id(), id))) {
      Problem(session.client_id(), "session ", absl::BytesToHexString(id), " is not in the index");
    }
  });
}

void ClientCheck::CheckSessionIndex() {
  ForEach(KeyTag::kSessionByClient, [this](KeyReader key, absl::string_view) {
    const uint64_t client = key.U64();
    pb::SessionRecord session;
    if (!FindRecord(snapshot_, keys::Session(key.Rest()), &session) ||
        session.client_id() != client) {
      Problem(client, "an index row of a session that is not there");
    }
  });
}

void ClientCheck::CheckSlots() {
  ForEach(KeyTag::kSlot, [this](KeyReader key, absl::string_view value) {
    const absl::string_view session = key.Rest().substr(0, kSessionIdBytes);
    if (!HasKey(snapshot_, keys::Session(session))) {
      Problem(ClientOfSession(session), "a slot of a session that is not there");
    }
    pb::SlotRecord slot;
    if (ParseRecord(value, &slot) && slot.done_size() == 0) {
      Problem(ClientOfSession(session), "a slot without results");
    }
  });
}

void ClientCheck::CheckClientRecords() {
  uint64_t count = 0;
  uint64_t last_counter = 0;
  ForEach(KeyTag::kClient, [&](KeyReader key, absl::string_view value) {
    ++count;
    const uint64_t id = key.U64();
    last_counter = std::max(last_counter, id & kCounterMask);
    pb::ClientRecord client;
    if (!ParseRecord(value, &client)) return;
    if (client.client_id() != id) Problem(id, "its record says ", absl::Hex(client.client_id()));
    if (client.sessions() != sessions_[id]) {
      Problem(id, "has ", sessions_[id], " sessions, its record says ", client.sessions());
    }
    if (!client.confirmed() && client.sessions() > 0) Problem(id, "unconfirmed, with sessions");
    pb::ClientOwnerRecord owner;
    const bool found = FindRecord(snapshot_, keys::ClientByOwner(client.owner_id()), &owner);
    if (!found || (client.confirmed() ? owner.confirmed() : owner.unconfirmed()) != id) {
      Problem(id, "its owner does not name it");
    }
  });
  reporter_.report.clients += count;
  if (reporter_.ended()) return;
  const uint64_t said = FindNumber(snapshot_, keys::ClientCount());
  if (said != count) reporter_.Problem("there are ", count, " clients, the counter says ", said);
  if (count > 0 && FindNumber(snapshot_, keys::ClientCounter()) <= last_counter) {
    reporter_.Problem("a client is not below the counter of client ids");
  }
}

void ClientCheck::CheckOwners() {
  ForEach(KeyTag::kClientByOwner, [this](KeyReader key, absl::string_view value) {
    pb::ClientOwnerRecord owner;
    if (!ParseRecord(value, &owner)) return;
    for (const uint64_t id : {owner.confirmed(), owner.unconfirmed()}) {
      if (id == 0) continue;
      pb::ClientRecord client;
      if (!FindRecord(snapshot_, keys::Client(id), &client) ||
          absl::string_view(client.owner_id()) != key.Rest() ||
          client.confirmed() != (id == owner.confirmed())) {
        Problem(id, "its owner names it, and it is not there or another's");
      }
    }
    if (owner.confirmed() == 0 && owner.unconfirmed() == 0) {
      reporter_.Problem("a client owner without clients");
    }
  });
}

void ClientCheck::CheckUsageRows() {
  ForEach(KeyTag::kClientUsage, [this](KeyReader key, absl::string_view) {
    const uint64_t client = key.U64();
    if (!HasClient(client)) Problem(client, "a usage row of a client that is not there");
  });
}

}  // namespace

void CheckClients(const KvSnapshot& snapshot, Reporter* reporter) {
  ClientCheck(snapshot, reporter).Run();
}

}  // namespace openefs::metadata
