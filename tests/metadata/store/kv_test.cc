#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"
#include "tests/metadata/engines.h"

namespace openefs::metadata {
namespace {

using Map = std::map<std::string, std::string>;

Map Contents(std::unique_ptr<KvIterator> it) {
  Map contents;
  for (; it->Valid(); it->Next()) {
    const bool ascending =
        contents.empty() || absl::string_view(contents.rbegin()->first) < it->Key();
    REQUIRE(ascending);
    contents[std::string(it->Key())] = std::string(it->Value());
  }
  return contents;
}

Map Range(const Map& map, const std::string& begin, const std::string& end) {
  if (begin >= end) return {};
  return Map(map.lower_bound(begin), map.lower_bound(end));
}

// Few keys, so that everything meets.
std::string RandomKey(std::mt19937& random) {
  return std::string(1 + random() % 2, 'a' + random() % 6);
}

TEMPLATE_LIST_TEST_CASE("a snapshot keeps showing what was there", "", AllEngines) {
  TestType maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}, {"b", "2"}}).ok());
  auto before = engine->Snapshot();
  auto it = before->Scan("a", "z");
  REQUIRE(engine->Write({{"a", std::nullopt}, {"b", "3"}, {"c", "4"}}).ok());
  auto after = engine->Snapshot();
  REQUIRE(engine->Write({{"a", "5"}, {"b", std::nullopt}}).ok());
  std::string value;
  CHECK((before->Get("a", &value) && value == "1"));
  CHECK(Contents(std::move(it)) == Map{{"a", "1"}, {"b", "2"}});
  CHECK_FALSE(after->Get("a", &value));
  CHECK(Contents(after->Scan("", "z")) == Map{{"b", "3"}, {"c", "4"}});
  CHECK(Contents(engine->Snapshot()->Scan("", "z")) == Map{{"a", "5"}, {"c", "4"}});
}

TEMPLATE_LIST_TEST_CASE("a memory view shows what there is, or nothing at all", "", AllEngines) {
  TestType maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}, {"b", "2"}}).ok());
  (void)engine->Snapshot();  // rows that waited are where a memory view finds them
  auto view = engine->MemoryView();
  std::string value;
  CHECK((view->Get("a", &value) && value == "1"));
  CHECK_FALSE(view->Get("c", &value));
  auto it = view->Scan("a", "z");
  REQUIRE(engine->Write({{"b", "3"}}).ok());
  CHECK(Contents(std::move(it)) == Map{{"a", "1"}, {"b", "2"}});
  if (!TestType::kOnDisk) return;
  CHECK_THROWS_AS(view->Get("a", &value), NotInMemory);
  CHECK_THROWS_AS(view->Scan("a", "z"), NotInMemory);
  CHECK(Contents(engine->MemoryView()->Scan("a", "z")) == Map{{"a", "1"}, {"b", "3"}});
}

TEST_CASE("a memory view does not wait for the disk") {
  const std::string one(GENERATE(1, 5'000), '1');  // in a table, and in a blob file
  RocksEngine maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  REQUIRE(engine->Write({{"a", one}, {"b", "2"}}).ok());
  REQUIRE(engine->Flush().ok());
  std::string value;
  CHECK_THROWS_AS(engine->MemoryView()->Get("a", &value), NotInMemory);
  CHECK_THROWS_AS(Contents(engine->MemoryView()->Scan("a", "z")), NotInMemory);
  CHECK(engine->Snapshot()->Get("a", &value));  // brings it to memory
  CHECK((engine->MemoryView()->Get("a", &value) && value == one));
  CHECK(Contents(engine->MemoryView()->Scan("a", "z")).size() == 2);
}

TEMPLATE_LIST_TEST_CASE("scans end before their end", "", AllEngines) {
  TestType maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  const std::string zero("k\0", 2);
  REQUIRE(engine->Write({{"k", "1"}, {zero, "2"}, {"k\xff", "3"}, {"l", "4"}, {"", "0"}}).ok());
  auto snapshot = engine->Snapshot();
  CHECK(Contents(snapshot->Scan("k", "l")).size() == 3);
  CHECK(Contents(snapshot->Scan(zero, "l")).size() == 2);
  CHECK(Contents(snapshot->Scan("k", "k")).empty());
  CHECK(Contents(snapshot->Scan("", "k")) == Map{{"", "0"}});
}

TEMPLATE_LIST_TEST_CASE("a transaction reads its writes and undoes to a mark", "", AllEngines) {
  TestType maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  std::mt19937 random(GENERATE(1u, 2u, 3u));
  Map model;
  for (int round = 0; round < 30; ++round) {
    Transaction txn(engine->Snapshot());
    std::vector<std::pair<size_t, Map>> marks;
    for (int step = 0; step < 30; ++step) {
      const std::string key = RandomKey(random);
      switch (random() % 6) {
        case 0:
          marks.emplace_back(txn.Mark(), model);
          break;
        case 1:
          if (marks.empty() || random() % 2 == 0) break;
          txn.RollbackTo(marks.back().first);
          model = marks.back().second;
          marks.pop_back();
          break;
        case 2:
          txn.Delete(key);
          model.erase(key);
          break;
        case 3: {
          std::string end = RandomKey(random);
          REQUIRE(Contents(txn.Scan(key, end)) == Range(model, key, end));
          break;
        }
        default:
          model[key] = std::to_string(random());
          txn.Put(key, model[key]);
      }
      std::string value;
      REQUIRE(txn.Get(key, &value) == model.contains(key));
      REQUIRE(txn.Contains(key) == model.contains(key));
      if (model.contains(key)) REQUIRE(value == model[key]);
    }
    REQUIRE(Contents(txn.Scan("", "zz")) == model);
    REQUIRE(engine->Write(txn.TakeWrites()).ok());
    REQUIRE(Contents(engine->Snapshot()->Scan("", "zz")) == model);
  }
}

// Long keys that share prefixes, so that tables have several blocks and scans end within one.
std::string LongKey(unsigned number) {
  const std::string digits = std::to_string(number);
  return std::string(200, 'k') + std::string(4 - digits.size(), '0') + digits;
}

TEMPLATE_LIST_TEST_CASE("the writer's view shows what is there, scan after scan", "", AllEngines) {
  TestType maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  std::mt19937 random(GENERATE(1u, 2u));
  Map model;
  for (int round = 0; round < 60; ++round) {
    KvWrites writes;
    const unsigned first = random() % 900;
    for (unsigned i = 0; i < 30; ++i) {
      const std::string key = LongKey(first + i);
      std::optional<std::string> value;
      if (random() % 3 != 0) value = std::to_string(random());
      model.erase(key);
      if (value.has_value()) model.emplace(key, *value);
      writes.emplace_back(key, std::move(value));
    }
    REQUIRE(engine->Write(writes).ok());
    if (random() % 8 == 0) REQUIRE(engine->Flush().ok());
    const auto view = engine->WriterView();
    for (int i = 0; i < 8; ++i) {
      const unsigned at = random() % 1000;
      const std::string begin = LongKey(at);
      const std::string end = LongKey(std::min(at + unsigned(random() % 60), 999u));
      const auto outer = view->Scan(begin, end);  // another one meanwhile
      REQUIRE(Contents(view->Scan(end, LongKey(999))) == Range(model, end, LongKey(999)));
      REQUIRE(outer->Valid() == !Range(model, begin, end).empty());
      REQUIRE(Contents(view->Scan(begin, end)) == Range(model, begin, end));
      std::string value;
      REQUIRE(view->Get(begin, &value) == model.contains(begin));
    }
  }
}

TEST_CASE("the writer's view after another store took the place of the old one") {
  RocksEngine maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  CHECK(Contents(engine->WriterView()->Scan("a", "z")) == Map{{"a", "1"}});
  REQUIRE(engine->Clear().ok());
  CHECK(Contents(engine->WriterView()->Scan("a", "z")).empty());
  REQUIRE(engine->Write({{"b", "2"}}).ok());
  CHECK(Contents(engine->WriterView()->Scan("a", "z")) == Map{{"b", "2"}});
}

TEST_CASE("a transaction tells which rows nobody had before") {
  const auto engine = MakeMemoryKv();
  Transaction txn(engine->Snapshot());
  txn.PutUnused("kept", "1");
  const size_t mark = txn.Mark();
  txn.Put("kept", "2");
  txn.PutUnused("undone", "1");
  txn.PutUnused("gone", "1");
  txn.RollbackTo(mark);
  txn.Put("undone", "2");  // by somebody else, who promises nothing
  txn.PutUnused("gone", "1");
  txn.Delete("gone");
  txn.Delete("never");
  std::map<std::string, bool> unused;
  for (const ChangedRow& row : txn.TakeChanges()) unused[row.first] = row.unused_before;
  CHECK(unused == std::map<std::string, bool>{
                      {"kept", true}, {"undone", false}, {"gone", true}, {"never", false}});
}

TEST_CASE("what was flushed is there after a restart") {
  const std::string one(GENERATE(1, 5'000), '1');
  RocksEngine maker;
  std::unique_ptr<KvEngine> engine = maker.Open();
  REQUIRE(engine->Write({{"a", one}, {"b", "2"}}).ok());
  REQUIRE(engine->Flush().ok());
  REQUIRE(engine->Write({{"b", std::nullopt}, {"c", "3"}}).ok());
  REQUIRE(engine->Flush().ok());
  engine.reset();
  engine = maker.Open();
  CHECK(Contents(engine->Snapshot()->Scan("", "z")) == Map{{"a", one}, {"c", "3"}});
}

TEST_CASE("a directory that cannot be opened is one clear error") {
  auto engine = OpenRocksKv("/proc/openefs-nowhere/kv");
  REQUIRE_FALSE(engine.ok());
  CHECK(engine.status().message().find("/proc/openefs-nowhere/kv") != absl::string_view::npos);
}

TEST_CASE("keys order by number and read back") {
  CHECK(keys::Inode(1, 255) < keys::Inode(1, 256));
  CHECK(keys::Extent(1, 2, 0xff) < keys::Extent(1, 2, 0x100));
  CHECK(keys::DirentByName(1, 2, "\xff") < keys::DirentByName(1, 3, ""));
  const std::string key = keys::Collect(77, BlobId{5, 6});
  KeyReader reader(key);
  reader.SkipPrefix();
  CHECK(reader.U64() == 77);
  CHECK(reader.Blob() == BlobId{5, 6});
  CHECK(reader.Rest().empty());
  CHECK(DecodeU64(EncodeU64(0x0102030405060708)) == 0x0102030405060708);
  CHECK(PrefixEnd(std::string("a\xff\xff")) == "b");
}

}  // namespace
}  // namespace openefs::metadata
