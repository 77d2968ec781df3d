// The checker must see damage: every kind of row is broken once in a store that was clean.
#include "metadata/store/check.h"

#include <catch2/catch.hpp>
#include <functional>

#include "metadata/store/blobs.h"
#include "metadata/store/extents.h"
#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"
#include "tests/metadata/ops/shell.h"

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

}  // namespace
}  // namespace openefs::metadata
