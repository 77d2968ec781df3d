// The checker must see damage: every kind of row is broken once in a store that was clean, and what
// it says names the damage.
#include "metadata/store/check.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "metadata/store/blobs.h"
#include "metadata/store/extents.h"
#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"
#include "tests/metadata/ops/shell.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata {
namespace {

// One file system with a bit of everything.
struct Fixture {
  Fixture() {
    auto made = MakeMemoryKv();
    engine = made.get();
    shell = std::make_unique<Shell>(std::move(made));
    REQUIRE(shell->Mkdir("d") == pb::FS_OK);
    REQUIRE(shell->MakeFile("d/f") == pb::FS_OK);
    REQUIRE(shell->WriteBlob("d/f", 0, 100, &bytes, 1) == pb::FS_OK);
    REQUIRE(shell->WriteInline("d/f", 200, "inline") == pb::FS_OK);
    REQUIRE(shell->Check().Clean());
    directory = shell->MustStat("d").file().inode();
    file = shell->MustStat("d/f").file().inode();
  }
  template <typename Record>
  void Change(const std::string& key, const std::function<void(Record*)>& change) {
    Transaction txn(engine->Snapshot());
    Record record;
    REQUIRE(txn.GetRecord(key, &record));
    change(&record);
    REQUIRE(engine->Write({{key, record.SerializeAsString()}}).ok());
  }
  void Delete(const std::string& key) {
    Transaction txn(engine->Snapshot());
    REQUIRE(txn.Contains(key));
    REQUIRE(engine->Write({{key, std::nullopt}}).ok());
  }
  void Put(const std::string& key, const std::string& value) {
    REQUIRE(engine->Write({{key, value}}).ok());
  }

  KvEngine* engine = nullptr;
  std::unique_ptr<Shell> shell;
  std::string bytes;
  InodeId directory = 0, file = 0;
};

using Damage = std::function<void(Fixture&)>;

std::string FirstOf(Fixture& fixture, KeyTag tag) {
  const std::string prefix = keys::Prefix(keys::kClusterWide, tag);
  auto snapshot = fixture.engine->Snapshot();
  auto it = snapshot->Scan(prefix, PrefixEnd(prefix));
  REQUIRE(it->Valid());
  return std::string(it->Key());
}

const std::map<std::string, Damage> kDamages = {
    {"inode gone", [](Fixture& f) { f.Delete(keys::Inode(kTestFs, f.file)); }},
    {"root gone", [](Fixture& f) { f.Delete(keys::Inode(kTestFs, kRootInode)); }},
    {"name gone", [](Fixture& f) { f.Delete(keys::DirentByName(kTestFs, f.directory, "f")); }},
    {"cookie gone", [](Fixture& f) { f.Delete(keys::DirentByCookie(kTestFs, f.directory, 3)); }},
    {"extent gone", [](Fixture& f) { f.Delete(keys::Extent(kTestFs, f.file, 206)); }},
    {"blob record gone", [](Fixture& f) { f.Delete(FirstOf(f, KeyTag::kBlob)); }},
    {"usage gone", [](Fixture& f) { f.Delete(keys::Usage(kTestFs)); }},
    {"inode does not parse",
     [](Fixture& f) { f.Put(keys::Inode(kTestFs, f.file), "\xff\xff\xff"); }},
    {"nlink",
     [](Fixture& f) {
       f.Change<pb::InodeRecord>(keys::Inode(kTestFs, f.file),
                                 [](pb::InodeRecord* r) { r->set_nlink(2); });
     }},
    {"generation",
     [](Fixture& f) {
       f.Change<pb::InodeRecord>(keys::Inode(kTestFs, f.file),
                                 [](pb::InodeRecord* r) { r->set_generation(1); });
     }},
    {"size below data",
     [](Fixture& f) {
       f.Change<pb::InodeRecord>(keys::Inode(kTestFs, f.file),
                                 [](pb::InodeRecord* r) { r->set_size(50); });
     }},
    {"entries",
     [](Fixture& f) {
       f.Change<pb::InodeRecord>(keys::Inode(kTestFs, f.directory),
                                 [](pb::InodeRecord* r) { r->set_entries(0); });
     }},
    {"parent loop",
     [](Fixture& f) {
       f.Change<pb::InodeRecord>(keys::Inode(kTestFs, f.directory),
                                 [&](pb::InodeRecord* r) { r->set_parent(f.directory); });
     }},
    {"references",
     [](Fixture& f) {
       f.Change<pb::BlobRecord>(FirstOf(f, KeyTag::kBlob),
                                [](pb::BlobRecord* r) { r->set_references(2); });
     }},
    {"extent overlaps",
     [](Fixture& f) {
       pb::ExtentRecord extent;
       extent.set_length(3);
       extent.set_inline_data("abc");
       f.Put(keys::Extent(kTestFs, f.file, 102), extent.SerializeAsString());
     }},
    {"extent of nothing",
     [](Fixture& f) {
       pb::ExtentRecord extent;
       extent.set_length(3);
       extent.set_inline_data("abc");
       f.Put(keys::Extent(kTestFs, 777, 102), extent.SerializeAsString());
     }},
    {"queued in use",
     [](Fixture& f) {
       f.Put(keys::Collect(0, BlobId{1, 1}), "");
     }},
    {"repair of nothing",
     [](Fixture& f) {
       f.Put(keys::Repair(BlobId{1, 1}), pb::RepairRecord().SerializeAsString());
     }},
    {"orphan with a name", [](Fixture& f) { f.Put(keys::Orphan(kTestFs, f.file), ""); }},
    {"inode counter", [](Fixture& f) { f.Put(keys::InodeCounter(kTestFs, 0), EncodeU64(f.file)); }},
};

TEST_CASE("every damage is seen") {
  for (const auto& [name, damage] : kDamages) {
    INFO(name);
    Fixture fixture;
    damage(fixture);
    CHECK_FALSE(fixture.shell->Check().Clean());
    CHECK_FALSE(fixture.shell->Check().problems.empty());
  }
}

// ---- clients, opens and locks

struct StateFixture {
  StateFixture() : client(&group, "owner") {
    const pb::Stateid open = client.MustOpen("f", 3, "o", 1);
    const pb::OperationResult file =
        client.Last({testing::Lookup("f"), testing::LockNew(open, "l", true, 10, 10)});
    REQUIRE(file.error() == pb::FS_OK);
    const CheckReport report = CheckStore(*group.Snapshot());
    for (const std::string& problem : report.problems) FAIL_CHECK(problem);
    CHECK(report.clients == 1);
    CHECK(report.sessions == 1);
    CHECK(report.states == 2);
    CHECK(report.lock_ranges == 1);
    Find(KeyTag::kStateByFile, testing::kFs, &inode, &open_id);
    Find(KeyTag::kLockStateByOpen, keys::kClusterWide, &open_id, &lock_id);
  }
  void Find(KeyTag tag, FileSystemId fs, uint64_t* first, uint64_t* second) {
    const std::string prefix = keys::Prefix(fs, tag);
    auto snapshot = group.Snapshot();
    auto it = snapshot->Scan(prefix, PrefixEnd(prefix));
    REQUIRE(it->Valid());
    KeyReader key(it->Key());
    key.SkipPrefix();
    *first = key.U64();
    *second = key.U64();
  }
  template <typename Record>
  void Change(const std::string& key, const std::function<void(Record*)>& change) {
    Transaction txn(group.Snapshot());
    Record record;
    REQUIRE(txn.GetRecord(key, &record));
    change(&record);
    group.Damage(key, record.SerializeAsString());
  }
  void Delete(const std::string& key) {
    REQUIRE(Transaction(group.Snapshot()).Contains(key));
    group.Damage(key, std::nullopt);
  }

  testing::TestGroup group;
  testing::TestClient client;
  uint64_t inode = 0, open_id = 0, lock_id = 0;
};

using StateDamage = std::function<void(StateFixture&)>;

// What is done, a word that the report must have in it.
struct NamedStateDamage {
  const char* expected;
  StateDamage damage;
};

const std::vector<NamedStateDamage> kStateDamages = {
    {"of a client that is not there", [](auto& f) { f.Delete(keys::Client(f.client.id())); }},
    {"its owner does not name it", [](auto& f) { f.Delete(keys::ClientByOwner("owner")); }},
    {"client owner without clients", [](auto& f) { f.group.Damage(keys::ClientByOwner("x"), ""); }},
    {"its owner names it",
     [](auto& f) {
       pb::ClientOwnerRecord owner;
       owner.set_confirmed(f.client.id());
       f.group.Damage(keys::ClientByOwner("x"), owner.SerializeAsString());
     }},
    {"its record says",
     [](auto& f) {
       f.template Change<pb::ClientRecord>(keys::Client(f.client.id()),
                                           [](pb::ClientRecord* r) { r->set_client_id(9); });
     }},
    {"has 1 sessions, its record says 2",
     [](auto& f) {
       f.template Change<pb::ClientRecord>(keys::Client(f.client.id()),
                                           [](pb::ClientRecord* r) { r->set_sessions(2); });
     }},
    {"unconfirmed, with sessions",
     [](auto& f) {
       f.template Change<pb::ClientRecord>(keys::Client(f.client.id()),
                                           [](pb::ClientRecord* r) { r->set_confirmed(false); });
     }},
    {"the counter says", [](auto& f) { f.group.SetClientCount(7); }},
    {"counter of client ids", [](auto& f) { f.Delete(keys::ClientCounter()); }},
    {"a session that is not there", [](auto& f) { f.Delete(keys::Session(f.client.session())); }},
    {"is not in the index",
     [](auto& f) { f.Delete(keys::SessionByClient(f.client.id(), f.client.session())); }},
    {"session 78787878787878787878787878787878 of nobody",
     [](auto& f) {
       f.group.Damage(keys::Session(std::string(16, 'x')), pb::SessionRecord().SerializeAsString());
     }},
    {"a slot of a session that is not there",
     [](auto& f) {
       pb::SlotRecord slot;
       slot.add_done();
       f.group.Damage(keys::Slot(std::string(16, 'x'), 0), slot.SerializeAsString());
     }},
    {"a slot without results",
     [](auto& f) {
       f.group.Damage(keys::Slot(f.client.session(), 9), pb::SlotRecord().SerializeAsString());
     }},
    {"a usage row of a client that is not there", [](auto& f) { f.group.SetUsage(1, 0, 0); }},
    {"usage says 5 and 1", [](auto& f) { f.group.SetUsage(f.client.id(), 5, 1); }},
    {"usage says 2 and 3", [](auto& f) { f.group.SetUsage(f.client.id(), 2, 3); }},
    {"states and no usage row", [](auto& f) { f.Delete(keys::ClientUsage(f.client.id())); }},
    {"is not there or not its own", [](auto& f) { f.Delete(keys::State(f.open_id)); }},
    {"index by client", [](auto& f) { f.Delete(keys::StateByClient(f.client.id(), f.open_id)); }},
    {"index by owner",
     [](auto& f) { f.Delete(keys::StateByOwner(f.client.id(), 0, testing::kFs, f.inode, "o")); }},
    {"not that owner's",
     [](auto& f) {
       f.group.Damage(keys::StateByOwner(f.client.id(), 0, testing::kFs, f.inode, "p"),
                      EncodeU64(f.open_id));
     }},
    {"index by file",
     [](auto& f) { f.Delete(keys::StateByFile(testing::kFs, f.inode, f.open_id)); }},
    {"index by denial",
     [](auto& f) { f.Delete(keys::DenyByFile(testing::kFs, f.inode, f.open_id)); }},
    {"is not an open of it",
     [](auto& f) { f.group.Damage(keys::DenyByFile(testing::kFs, f.inode, f.lock_id), ""); }},
    {"index by open", [](auto& f) { f.Delete(keys::LockStateByOpen(f.open_id, f.lock_id)); }},
    {"not from it", [](auto& f) { f.group.Damage(keys::LockStateByOpen(77, f.lock_id), ""); }},
    {"without the open",
     [](auto& f) {
       f.template Change<pb::StateRecord>(keys::State(f.lock_id),
                                          [](pb::StateRecord* r) { r->set_open_state(77); });
     }},
    {"of a file that is not there",
     [](auto& f) {
       f.template Change<pb::StateRecord>(
           keys::State(f.open_id), [](pb::StateRecord* r) { r->mutable_file()->set_inode(99); });
     }},
    {"an open of nothing",
     [](auto& f) {
       f.template Change<pb::StateRecord>(keys::State(f.open_id),
                                          [](pb::StateRecord* r) { r->set_share_access(0); });
     }},
    {"counts 1 lock states that are not there",
     [](auto& f) {
       f.template Change<pb::StateRecord>(keys::State(f.open_id),
                                          [](pb::StateRecord* r) { r->set_lock_states(2); });
     }},
    {"counter of state ids", [](auto& f) { f.Delete(keys::StateCounter()); }},
    {"lock ranges that are not there",
     [](auto& f) { f.Delete(keys::LockRange(testing::kFs, f.inode, 10, f.lock_id)); }},
    {"does not belong to its state",
     [](auto& f) {
       f.template Change<pb::LockRecord>(keys::LockRange(testing::kFs, f.inode, 10, f.lock_id),
                                         [](pb::LockRecord* r) { r->set_owner("m"); });
     }},
    {"of one owner overlap",
     [](auto& f) {
       pb::LockRecord range;
       range.set_end(30);
       f.group.Damage(keys::LockRange(testing::kFs, f.inode, 15, f.lock_id),
                      range.SerializeAsString());
     }},
    {"conflict",
     [](auto& f) {
       pb::LockRecord range;
       range.set_end(30);
       f.group.Damage(keys::LockRange(testing::kFs, f.inode, 15, 77), range.SerializeAsString());
     }},
};

TEST_CASE("every damage of clients, opens and locks is seen and named") {
  for (const auto& [expected, damage] : kStateDamages) {
    StateFixture fixture;
    damage(fixture);
    const CheckReport report = CheckStore(*fixture.group.Snapshot());
    INFO(expected << "; said: " << absl::StrJoin(report.problems, "\n"));
    CHECK(absl::StrJoin(report.problems, "\n").find(expected) != std::string::npos);
  }
}

// ---- rows that are no rows of ours

TEST_CASE("a row of any form is reported and does not stop the check") {
  const std::vector<std::string> keys = {
      std::string(),
      "k",
      std::string(8, '\0'),
      KeyBuilder(0, static_cast<KeyTag>(0x7f)),
      KeyBuilder(kTestFs, static_cast<KeyTag>(0)),
      KeyBuilder(kTestFs, KeyTag::kInode).U32(1),
      KeyBuilder(kTestFs, KeyTag::kInode).U64(1).U64(1),
      KeyBuilder(kTestFs, KeyTag::kBlob).U64(1).U64(1),  // not of a file system
      KeyBuilder(0, KeyTag::kInode).U64(5),              // not cluster-wide
      KeyBuilder(0, KeyTag::kState),
      KeyBuilder(0, KeyTag::kSlot).Bytes("short"),
      KeyBuilder(0, KeyTag::kStateByOwner).U64(1),
      KeyBuilder(0, KeyTag::kAppliedIndex).U8(0),
  };
  for (const std::string& key : keys) {
    Fixture fixture;
    fixture.Put(key, "");
    const CheckReport report = fixture.shell->Check();
    INFO(absl::BytesToHexString(key) << ": " << absl::StrJoin(report.problems, "\n"));
    CHECK(report.problem_count == 1);
  }
  auto engine = MakeMemoryKv();
  for (int tag = 0; tag < 0x80; ++tag) {
    for (const size_t length : {0, 4, 8, 9, 16, 20, 24, 25, 33, 300, 2000}) {
      const FileSystemId fs = length % 2 == 0 ? 0 : kTestFs;
      const std::string key =
          KeyBuilder(fs, static_cast<KeyTag>(tag)).Bytes(std::string(length, 'k'));
      REQUIRE(engine->Write({{key, "\xff\xff not a record"}}).ok());
      CHECK_FALSE(CheckStore(*engine->Snapshot()).Clean());
      REQUIRE(engine->Write({{key, std::nullopt}}).ok());
    }
  }
  CHECK(CheckStore(*engine->Snapshot()).Clean());
}

TEST_CASE("placement groups are on nodes that are there") {
  auto engine = MakeMemoryKv();
  pb::PlacementGroup group;
  group.set_id(1);
  group.add_node_ids(7);
  REQUIRE(engine->Write({{keys::PlacementGroup(1), group.SerializeAsString()}}).ok());
  CHECK(CheckStore(*engine->Snapshot()).problem_count == 1);
  pb::DataNode node;
  node.set_node_id(7);
  REQUIRE(engine->Write({{keys::Node(7), node.SerializeAsString()}}).ok());
  CHECK(CheckStore(*engine->Snapshot()).problem_count == 1);  // no map
  REQUIRE(engine->Write({{keys::ClusterMap(), pb::ClusterMap().SerializeAsString()}}).ok());
  CHECK(CheckStore(*engine->Snapshot()).Clean());
  REQUIRE(engine->Write({{keys::PlacementGroup(2), group.SerializeAsString()}}).ok());
  CHECK(CheckStore(*engine->Snapshot()).problem_count == 1);
}

TEST_CASE("a check is paced, and ends when told to") {
  Fixture fixture;
  for (int i = 0; i < 500; ++i)
    REQUIRE(fixture.shell->Mkdir("d/" + std::to_string(i)) == pb::FS_OK);
  auto snapshot = fixture.engine->Snapshot();
  std::vector<uint64_t> paces;
  CheckOptions options{.pace = [&](uint64_t rows) {
    paces.push_back(rows);
    return true;
  }};
  const CheckReport whole = CheckStore(*snapshot, options);
  CHECK(whole.Clean());
  REQUIRE(paces.size() == whole.rows / kRowsPerPace);
  REQUIRE(paces.size() > 2);
  for (size_t i = 0; i < paces.size(); ++i) CHECK(paces[i] == (i + 1) * kRowsPerPace);
  for (size_t stop = 1; stop <= whole.rows / kRowsPerPace; ++stop) {
    options.pace = [stop](uint64_t rows) { return rows < stop * kRowsPerPace; };
    const CheckReport part = CheckStore(*snapshot, options);
    CHECK_FALSE(part.complete);
    CHECK_FALSE(part.Clean());
    CHECK(part.rows < whole.rows);
    // What was not read to its end is not called wrong.
    CHECK(part.problem_count == 0);
  }
}

}  // namespace
}  // namespace openefs::metadata
