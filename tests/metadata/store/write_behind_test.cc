#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <thread>

#include "metadata/store/kv.h"

namespace openefs::metadata {
namespace {

using Map = std::map<std::string, std::string>;

Map Contents(const KvSnapshot& snapshot) {
  Map contents;
  for (auto it = snapshot.Scan("", "zz"); it->Valid(); it->Next()) {
    contents.emplace(std::string(it->Key()), std::string(it->Value()));
  }
  return contents;
}

std::optional<std::string> Read(const KvSnapshot& view, const std::string& key) {
  std::string value;
  if (!view.Get(key, &value)) return std::nullopt;
  return value;
}

void ApplyTo(const KvWrites& writes, Map* map) {
  for (const auto& [key, value] : writes) {
    map->erase(key);
    if (value.has_value()) map->emplace(key, *value);
  }
}

// Memory below, which fails when told to, and counts what reaches it.
class Below final : public KvEngine {
 public:
  absl::Status Write(const KvWrites& writes) override {
    if (fails) return absl::InternalError("no room");
    ++batches;
    rows += writes.size();
    return memory_->Write(writes);
  }
  std::unique_ptr<KvSnapshot> Snapshot() override { return memory_->Snapshot(); }
  absl::Status Flush() override { return memory_->Flush(); }
  absl::Status Checkpoint(const std::string& directory) override {
    return memory_->Checkpoint(directory);
  }
  absl::Status Install(const std::string& directory) override {
    return memory_->Install(directory);
  }

  bool fails = false;
  int batches = 0;
  size_t rows = 0;

 private:
  const std::unique_ptr<KvEngine> memory_ = MakeMemoryKv();
};

struct Stack {
  explicit Stack(WriteBehindLimits limits = {}) {
    auto made = std::make_unique<Below>();
    below = made.get();
    engine = MakeWriteBehindKv(std::move(made), limits);
  }
  Below* below = nullptr;
  std::unique_ptr<KvEngine> engine;
};

TEST_CASE("rows that change often reach the engine once, those of a snapshot at once") {
  Stack stack;
  for (int i = 0; i < 100; ++i) {
    const KvWrites writes = {{"slot", std::to_string(i)}, {"file" + std::to_string(i), "f"}};
    REQUIRE(stack.engine->Write(writes).ok());
    CHECK(Read(*stack.engine->WriterView(), "slot") == std::to_string(i));
  }
  CHECK(stack.below->batches == 0);
  CHECK(Read(*stack.engine->Snapshot(), "slot") == "99");
  CHECK(stack.below->batches == 1);
  CHECK(stack.below->rows == 101);
  // Nothing new: nothing to write.
  CHECK(Contents(*stack.engine->Snapshot()).size() == 101);
  CHECK(stack.below->batches == 1);
  REQUIRE(stack.engine->Write({{"slot", std::nullopt}}).ok());
  CHECK(Read(*stack.engine->WriterView(), "slot") == std::nullopt);
  CHECK(Read(*stack.engine->WriterView(), "file7") == "f");
  REQUIRE(stack.engine->Flush().ok());
  CHECK(stack.below->rows == 102);
}

ChangedRow Unused(std::string key, std::optional<std::string> value) {
  ChangedRow row(std::move(key), std::move(value));
  row.unused_before = true;
  return row;
}

TEST_CASE("a row under a new key that goes while it waits never reaches the engine") {
  Stack stack;
  REQUIRE(stack.engine->Consume({Unused("a1", "1"), Unused("a2", "2")}).ok());
  REQUIRE(stack.engine->Write({{"a1", std::nullopt}, {"b", "1"}}).ok());
  REQUIRE(stack.engine->Consume({Unused("a3", std::nullopt)}).ok());
  CHECK(Read(*stack.engine->WriterView(), "a1") == std::nullopt);
  CHECK(Read(*stack.engine->MemoryView(), "a1") == std::nullopt);
  CHECK(Contents(*stack.engine->WriterView()) == Map{{"a2", "2"}, {"b", "1"}});
  CHECK(Contents(*stack.engine->Snapshot()) == Map{{"a2", "2"}, {"b", "1"}});
  CHECK(stack.below->rows == 2);
  // The engine has this one by now, so it has to hear.
  REQUIRE(stack.engine->Write({{"a2", std::nullopt}}).ok());
  CHECK(Contents(*stack.engine->Snapshot()) == Map{{"b", "1"}});
  CHECK(stack.below->rows == 3);
  CHECK(Read(*stack.engine->WriterView(), "a1") == std::nullopt);
}

TEST_CASE("what an engine refused is told it again, but for what went meanwhile") {
  Stack stack(WriteBehindLimits{.rows = 1});
  stack.below->fails = true;
  CHECK_FALSE(stack.engine->Consume({Unused("a1", "1"), Unused("a2", "2")}).ok());
  CHECK_FALSE(stack.engine->Write({{"a1", std::nullopt}}).ok());
  stack.below->fails = false;
  REQUIRE(stack.engine->Flush().ok());
  CHECK(Contents(*stack.below->Snapshot()) == Map{{"a2", "2"}});
  CHECK(stack.below->rows == 1);
}

TEST_CASE("the limits hold, in rows and in bytes") {
  Stack rows(WriteBehindLimits{.rows = 3});
  REQUIRE(rows.engine->Write({{"a", "1"}, {"b", "2"}, {"c", "3"}}).ok());
  CHECK(rows.below->batches == 0);
  REQUIRE(rows.engine->Write({{"d", "4"}}).ok());
  CHECK(rows.below->batches == 1);
  REQUIRE(rows.engine->Write({{"e", "5"}}).ok());
  CHECK(rows.below->batches == 1);
  Stack bytes(WriteBehindLimits{.bytes = 10});
  REQUIRE(bytes.engine->Write({{"a", "12345678"}}).ok());
  REQUIRE(bytes.engine->Write({{"a", "1234567890"}}).ok());
  CHECK(bytes.below->batches == 0);
  REQUIRE(bytes.engine->Write({{"b", "1"}}).ok());
  CHECK(bytes.below->batches == 1);
}

// Rows below are always those after one of the writes: a crash leaves no half of one.
TEST_CASE("views and snapshots are right, and below stands a state that once was") {
  const size_t limit = GENERATE(0u, 2u, 5u, 40u);
  Stack stack(WriteBehindLimits{.rows = limit});
  std::mt19937 random(static_cast<unsigned>(limit) + 1);
  const auto some_key = [&] { return std::string(1 + random() % 2, 'a' + random() % 8); };
  Map truth;
  std::vector<Map> past = {truth};
  size_t last_seen = 0;
  int next_new = 0;  // keys "n<number>", of which the older half goes bit by bit
  for (int step = 0; step < 600; ++step) {
    KvWrites writes;
    for (size_t i = random() % 4; i > 0; --i) {
      const std::string key = some_key();
      const bool twice = std::any_of(writes.begin(), writes.end(),
                                     [&](const auto& write) { return write.first == key; });
      if (twice) continue;
      std::optional<std::string> value;
      if (random() % 3 != 0) value = std::to_string(random());
      writes.emplace_back(key, value);
    }
    Changes changes;
    for (const Change& write : writes) changes.emplace_back(write);
    const std::string fresh = "n" + std::to_string(next_new++);
    changes.push_back(Unused(fresh, "new"));
    writes.emplace_back(fresh, "new");
    if (const int old = static_cast<int>(random() % 8); old < next_new - 1) {
      const std::string gone = "n" + std::to_string(next_new - 2 - old);
      changes.emplace_back(gone, std::nullopt);
      writes.emplace_back(gone, std::nullopt);
    }
    ApplyTo(writes, &truth);
    past.push_back(truth);
    REQUIRE(stack.engine->Consume(std::move(changes)).ok());
    const auto view = stack.engine->WriterView();
    REQUIRE(Contents(*view) == truth);
    if (random() % 5 == 0) REQUIRE(Contents(*stack.engine->Snapshot()) == truth);
    for (int i = 0; i < 5; ++i) {
      const std::string key = some_key();
      REQUIRE(Read(*view, key).has_value() == truth.contains(key));
      if (truth.contains(key)) REQUIRE(Read(*view, key) == truth[key]);
    }
    const Map left = Contents(*stack.below->Snapshot());
    while (last_seen < past.size() && past[last_seen] != left) ++last_seen;
    REQUIRE(last_seen < past.size());  // and it never goes back
  }
}

TEST_CASE("an engine that does not take the rows is heard of, and nothing is forgotten") {
  Stack stack(WriteBehindLimits{.rows = 1});
  stack.below->fails = true;
  REQUIRE(stack.engine->Write({{"a", "1"}}).ok());
  CHECK_FALSE(stack.engine->Write({{"b", "2"}}).ok());
  CHECK_FALSE(stack.engine->Flush().ok());
  const auto early = stack.engine->Snapshot();
  CHECK(Contents(*stack.engine->WriterView()) == Map{{"a", "1"}, {"b", "2"}});
  CHECK(Contents(*early) == Map{{"a", "1"}, {"b", "2"}});
  CHECK(Read(*early, "b") == "2");
  stack.below->fails = false;
  REQUIRE(stack.engine->Flush().ok());
  CHECK(Contents(*stack.below->Snapshot()) == Map{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("a memory view shows rows that wait without writing them, and ends with the next write") {
  Stack stack;
  REQUIRE(stack.engine->Write({{"a", "1"}, {"b", "2"}, {"d", "4"}}).ok());
  (void)stack.engine->Snapshot();
  REQUIRE(stack.engine->Write({{"b", "3"}, {"c", "1"}, {"d", std::nullopt}}).ok());
  const int batches = stack.below->batches;
  const auto view = stack.engine->MemoryView();
  CHECK(Read(*view, "a") == "1");
  CHECK(Read(*view, "b") == "3");
  CHECK(Read(*view, "d") == std::nullopt);
  CHECK(Contents(*view) == Map{{"a", "1"}, {"b", "3"}, {"c", "1"}});
  const auto it = view->Scan("b", "z");
  CHECK(stack.below->batches == batches);
  (void)stack.engine->Snapshot();  // they go down meanwhile
  CHECK(Read(*view, "b") == "3");
  CHECK(Contents(*view) == Map{{"a", "1"}, {"b", "3"}, {"c", "1"}});
  REQUIRE(stack.engine->Write({{"b", "4"}}).ok());
  CHECK(it->Value() == "3");
  CHECK_THROWS_AS(Read(*view, "a"), NotInMemory);
  CHECK_THROWS_AS(Read(*view, "b"), NotInMemory);
  CHECK_THROWS_AS(view->Scan("a", "z"), NotInMemory);
}

TEST_CASE("a memory view copies no more rows than a small read meets") {
  Stack stack;
  KvWrites writes;
  for (int i = 100; i < 400; ++i) writes.emplace_back("k" + std::to_string(i), "v");
  REQUIRE(stack.engine->Write(writes).ok());
  const auto view = stack.engine->MemoryView();
  CHECK(view->Scan("k100", "k200")->Valid());
  CHECK_THROWS_AS(view->Scan("k", "l"), NotInMemory);
}

TEST_CASE("memory views show one moment while the writer writes and others take snapshots") {
  Stack stack(WriteBehindLimits{.rows = 16});
  REQUIRE(stack.engine->Write({{"one", "0"}, {"two", "0"}}).ok());
  std::atomic<bool> done{false};
  std::atomic<int> seen{0};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    while (!done.load()) {
      try {
        const auto view = stack.engine->MemoryView();
        const auto it = view->Scan("one", "p");
        const std::string first(it->Value());
        if (Read(*view, "two") != first) ++torn;
        ++seen;
      } catch (const NotInMemory&) {
      }
    }
  });
  std::thread snapshots([&] {
    while (!done.load()) (void)stack.engine->Snapshot();
  });
  for (int i = 1; i <= 3'000 || seen.load() == 0; ++i) {
    const std::string value = std::to_string(i);
    REQUIRE(stack.engine->Write({{"one", value}, {"two", value}, {"k" + value, "v"}}).ok());
  }
  done.store(true);
  reader.join();
  snapshots.join();
  CHECK(torn.load() == 0);
}

TEST_CASE("readers take snapshots while the writer looks and writes") {
  Stack stack(WriteBehindLimits{.rows = 16});
  std::atomic<bool> done{false};
  std::atomic<int> written{0};
  std::thread reader([&] {
    while (!done.load()) {
      const int before = written.load();
      const std::optional<std::string> value = Read(*stack.engine->Snapshot(), "counter");
      if (before > 0) CHECK(std::stoi(value.value_or("-1")) >= before);
    }
  });
  for (int i = 1; i <= 3'000; ++i) {
    {
      const auto view = stack.engine->WriterView();
      const std::optional<std::string> value = Read(*view, "counter");
      REQUIRE(value.value_or("0") == std::to_string(i - 1));
    }
    const KvWrites writes = {{"counter", std::to_string(i)}, {"k" + std::to_string(i % 40), "v"}};
    REQUIRE(stack.engine->Write(writes).ok());
    written.store(i);
  }
  done.store(true);
  reader.join();
}

}  // namespace
}  // namespace openefs::metadata
