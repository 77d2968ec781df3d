#include "tests/metadata/state/state_check.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "metadata/state/client_id.h"
#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"
#include "proto/records.pb.h"

namespace openefs::metadata::testing {
namespace {

using Rows = std::map<std::string, std::string>;

Rows AllRows(const KvSnapshot& snapshot) {
  Rows rows;
  for (auto it = snapshot.Scan("", std::string(16, '\xff')); it->Valid(); it->Next()) {
    rows.emplace(std::string(it->Key()), std::string(it->Value()));
  }
  return rows;
}

bool IsStateRow(KeyTag tag) {
  switch (tag) {
    case KeyTag::kStateByFile:
    case KeyTag::kDenyByFile:
    case KeyTag::kLockRange:
    case KeyTag::kClient:
    case KeyTag::kClientByOwner:
    case KeyTag::kSession:
    case KeyTag::kSessionByClient:
    case KeyTag::kState:
    case KeyTag::kStateByClient:
    case KeyTag::kStateByOwner:
    case KeyTag::kClientUsage:
    case KeyTag::kLockStateByOpen:
    case KeyTag::kClientCount:
      return true;
    default:
      return false;
  }
}

// Goes through the records and works out which index rows there must be; what is there beside them,
// or missing, is a disagreement.
class Checker {
 public:
  explicit Checker(Rows rows) : rows_(std::move(rows)) {}

  std::vector<std::string> Run() {
    for (const auto& [key, value] : rows_) ReadRow(key, value);
    for (const auto& [id, state] : states_) ExpectState(id, state);
    for (const auto& [id, client] : clients_) ExpectClient(id, client);
    for (const auto& [id, session] : sessions_) ExpectSession(id, session);
    Compare();
    return std::move(problems_);
  }

 private:
  template <typename Record>
  static Record Parse(const std::string& value) {
    Record record;
    if (!record.ParseFromString(value)) std::abort();
    return record;
  }

  void ReadRow(const std::string& key, const std::string& value) {
    KeyReader reader(key);
    const FileSystemId fs = reader.U64();
    const KeyTag tag = static_cast<KeyTag>(reader.U8());
    if (tag == KeyTag::kState) states_[reader.U64()] = Parse<pb::StateRecord>(value);
    if (tag == KeyTag::kClient) clients_[reader.U64()] = Parse<pb::ClientRecord>(value);
    if (tag == KeyTag::kSession) {
      sessions_[std::string(reader.Rest())] = Parse<pb::SessionRecord>(value);
    }
    if (tag == KeyTag::kSlot) slots_.insert(std::string(reader.Rest().substr(0, 16)));
    if (tag != KeyTag::kLockRange) return;
    const uint64_t inode = reader.U64();
    const uint64_t start = reader.U64();
    const uint64_t state = reader.U64();
    const auto record = Parse<pb::LockRecord>(value);
    ranges_[state].push_back({fs, inode, start, record});
  }

  void Problem(const std::string& text) { problems_.push_back(text); }
  void Expect(std::string key, std::string value) { expected_.emplace(std::move(key), value); }

  void ExpectState(uint64_t id, const pb::StateRecord& state) {
    const pb::FileRef& file = state.file();
    Expect(keys::State(id), rows_.at(keys::State(id)));
    Expect(keys::StateByClient(state.client_id(), id), "");
    Expect(keys::StateByOwner(state.client_id(), state.kind(), file.fs_id(), file.inode(),
                              state.owner()),
           EncodeU64(id));
    if (!clients_.contains(state.client_id())) Problem(absl::StrCat("state ", id, " of nobody"));
    if (!rows_.contains(keys::Inode(file.fs_id(), file.inode()))) {
      Problem(absl::StrCat("state ", id, " of a file that is gone"));
    }
    usage_[state.client_id()].set_states(usage_[state.client_id()].states() + 1);
    if (state.kind() == pb::StateRecord::OPEN) {
      ExpectOpen(id, state);
    } else {
      ExpectLock(id, state);
    }
  }

  void ExpectOpen(uint64_t id, const pb::StateRecord& state) {
    Expect(keys::StateByFile(state.file().fs_id(), state.file().inode(), id), "");
    if (state.share_deny() != 0) {
      Expect(keys::DenyByFile(state.file().fs_id(), state.file().inode(), id), "");
    }
    if (state.share_access() == 0) Problem(absl::StrCat("open ", id, " of nothing"));
  }

  void ExpectLock(uint64_t id, const pb::StateRecord& state) {
    Expect(keys::LockStateByOpen(state.open_state(), id), "");
    auto open = states_.find(state.open_state());
    if (open == states_.end() || open->second.kind() != pb::StateRecord::OPEN ||
        open->second.client_id() != state.client_id() ||
        open->second.file().inode() != state.file().inode()) {
      Problem(absl::StrCat("lock ", id, " without its open"));
    }
    const auto& ranges = ranges_[id];
    if (ranges.size() != state.lock_count()) Problem(absl::StrCat("lock ", id, " miscounted"));
    for (const Range& range : ranges) {
      const std::string key = keys::LockRange(range.fs, range.inode, range.start, id);
      Expect(key, rows_.at(key));
      if (range.fs != state.file().fs_id() || range.inode != state.file().inode() ||
          range.record.client_id() != state.client_id() || range.record.owner() != state.owner() ||
          range.record.end() < range.start) {
        Problem(absl::StrCat("lock ", id, " has a range that is not its own"));
      }
    }
    pb::ClientUsageRecord& usage = usage_[state.client_id()];
    usage.set_lock_ranges(usage.lock_ranges() + state.lock_count());
  }

  void ExpectClient(uint64_t id, const pb::ClientRecord& client) {
    Expect(keys::Client(id), rows_.at(keys::Client(id)));
    pb::ClientOwnerRecord& owner = owners_[client.owner_id()];
    const uint64_t taken = client.confirmed() ? owner.confirmed() : owner.unconfirmed();
    if (taken != 0) Problem(absl::StrCat("clients ", taken, " and ", id, " are the same owner's"));
    if (client.confirmed()) {
      owner.set_confirmed(id);
    } else {
      owner.set_unconfirmed(id);
      if (client.sessions() > 0)
        Problem(absl::StrCat("client ", id, " unconfirmed, with sessions"));
    }
  }

  void ExpectSession(const std::string& id, const pb::SessionRecord& session) {
    Expect(keys::Session(id), rows_.at(keys::Session(id)));
    Expect(keys::SessionByClient(session.client_id(), id), "");
    if (ClientOfSession(id) != session.client_id() || !clients_.contains(session.client_id())) {
      Problem("a session of nobody");
    }
    ++sessions_of_[session.client_id()];
  }

  void Compare() {
    for (const auto& [owner_id, owner] : owners_) {
      Expect(keys::ClientByOwner(owner_id), owner.SerializeAsString());
    }
    for (const auto& [id, client] : clients_) {
      if (client.sessions() != sessions_of_[id]) Problem(absl::StrCat("client ", id, " sessions"));
      const std::string key = keys::ClientUsage(id);
      const auto row = rows_.find(key);
      if (row == rows_.end() && !usage_.contains(id)) continue;
      pb::ClientUsageRecord stored;
      if (row != rows_.end()) stored = Parse<pb::ClientUsageRecord>(row->second);
      if (stored.states() != usage_[id].states() ||
          stored.lock_ranges() != usage_[id].lock_ranges()) {
        Problem(absl::StrCat("client ", id, " uses ", usage_[id].ShortDebugString(), ", not ",
                             stored.ShortDebugString()));
      }
      if (row != rows_.end()) Expect(key, row->second);
    }
    if (rows_.contains(keys::ClientCount())) {
      Expect(keys::ClientCount(), EncodeU64(clients_.size()));
    }
    for (const std::string& session : slots_) {
      if (!sessions_.contains(session)) Problem("a slot of no session");
    }
    for (const auto& [id, ranges] : ranges_) {
      if (!states_.contains(id)) Problem(absl::StrCat("ranges of a lock that is gone: ", id));
    }
    CompareRows();
  }

  void CompareRows() {
    for (const auto& [key, value] : expected_) {
      auto row = rows_.find(key);
      if (row == rows_.end() || row->second != value) Problem("missing or wrong " + Name(key));
    }
    for (const auto& [key, value] : rows_) {
      if (IsStateRow(TagOf(key)) && !expected_.contains(key)) Problem("left over " + Name(key));
    }
  }

  static KeyTag TagOf(const std::string& key) { return static_cast<KeyTag>(key.at(8)); }
  static std::string Name(const std::string& key) {
    return absl::StrCat("row with tag ", absl::Hex(static_cast<uint8_t>(key.at(8))));
  }

  struct Range {
    FileSystemId fs;
    InodeId inode;
    uint64_t start;
    pb::LockRecord record;
  };

  const Rows rows_;
  Rows expected_;
  std::map<uint64_t, pb::StateRecord> states_;
  std::map<uint64_t, pb::ClientRecord> clients_;
  std::map<std::string, pb::SessionRecord> sessions_;
  std::map<uint64_t, uint32_t> sessions_of_;
  std::map<std::string, pb::ClientOwnerRecord> owners_;
  std::map<uint64_t, pb::ClientUsageRecord> usage_;
  std::map<uint64_t, std::vector<Range>> ranges_;
  std::set<std::string> slots_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> CheckState(const KvSnapshot& snapshot) {
  return Checker(AllRows(snapshot)).Run();
}

}  // namespace openefs::metadata::testing
