#include "metadata/store/shared_rows.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/metadata/engines.h"

namespace openefs::metadata {
namespace {

// Writes as the state machine does.
void Write(KvEngine& engine, SharedRows& rows, const KvWrites& writes) {
  rows.BeginWrite(Changes(writes.begin(), writes.end()));
  REQUIRE(engine.Write(writes).ok());
  rows.EndWrite();
}

std::string Read(const KvSnapshot& view, const std::string& key) {
  std::string value;
  return view.Get(key, &value) ? value : "none";
}

TEMPLATE_LIST_TEST_CASE("shared rows show what the engine has", "", AllEngines) {
  TestType maker;
  const std::unique_ptr<KvEngine> engine = maker.Open();
  SharedRows rows;
  Write(*engine, rows, {{"a", "1"}});
  (void)engine->Snapshot();  // rows that waited are where a memory view finds them
  for (int i = 0; i < 2; ++i) {
    CHECK(Read(*rows.Over(*engine), "a") == "1");
    CHECK(Read(*rows.Over(*engine), "b") == "none");
  }
  Write(*engine, rows, {{"a", std::nullopt}, {"b", "2"}});
  (void)engine->Snapshot();  // rows that waited are where a memory view finds them
  for (int i = 0; i < 2; ++i) {
    CHECK(Read(*rows.Over(*engine), "a") == "none");
    CHECK(Read(*rows.Over(*engine), "b") == "2");
  }
  CHECK(rows.Over(*engine)->Scan("a", "z")->Key() == "b");
}

TEST_CASE("a view ends with the next write, also for rows that it did not touch") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  SharedRows rows;
  Write(*engine, rows, {{"a", "1"}, {"b", "1"}});
  const auto view = rows.Over(*engine);
  CHECK(Read(*view, "a") == "1");
  rows.BeginWrite({{"b", "2"}});
  CHECK_THROWS_AS(Read(*view, "a"), NotInMemory);
  CHECK_THROWS_AS(rows.Over(*engine), NotInMemory);
  REQUIRE(engine->Write({{"b", "2"}}).ok());
  rows.EndWrite();
  CHECK_THROWS_AS(Read(*view, "a"), NotInMemory);
  CHECK_THROWS_AS(view->Scan("a", "z"), NotInMemory);
  CHECK(Read(*rows.Over(*engine), "b") == "2");
}

TEST_CASE("what was read before a write is not remembered after it") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  SharedRows rows;
  Write(*engine, rows, {{"a", "1"}});
  const auto late = rows.Over(*engine);
  Write(*engine, rows, {{"a", "2"}});
  CHECK_THROWS_AS(Read(*late, "a"), NotInMemory);
  CHECK(Read(*rows.Over(*engine), "a") == "2");
}

TEST_CASE("rows that were given up are read again") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  SharedRows rows;
  Write(*engine, rows, {{"a", "1"}});
  CHECK(Read(*rows.Over(*engine), "a") == "1");
  rows.Clear();
  CHECK(Read(*rows.Over(*engine), "a") == "1");
  Write(*engine, rows, {{"a", "2"}});
  rows.Clear();
  CHECK(Read(*rows.Over(*engine), "a") == "2");
}

TEST_CASE("after a replacement nothing of before is left") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  SharedRows rows;
  Write(*engine, rows, {{"a", "1"}});
  CHECK(Read(*rows.Over(*engine), "a") == "1");
  rows.BeginWrite({});
  REQUIRE(engine->Write({{"a", std::nullopt}}).ok());
  rows.EndReplacement();
  CHECK(Read(*rows.Over(*engine), "a") == "none");
}

TEMPLATE_LIST_TEST_CASE("readers beside a writer see all of a write or nothing", "", AllEngines) {
  TestType maker;
  const std::unique_ptr<KvEngine> engine = maker.Open();
  SharedRows rows;
  Write(*engine, rows, {{"a", "0"}, {"b", "0"}});
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> backwards{0};
  const auto read = [&] {
    for (int last = 0; !stop;) {
      try {
        const auto view = rows.Over(*engine);
        const std::string a = Read(*view, "a");
        if (a != Read(*view, "b")) ++torn;
        if (std::stoi(a) < last) ++backwards;
        last = std::stoi(a);
      } catch (const NotInMemory&) {
        (void)engine->Snapshot();  // as a reader does then; what waits in memory goes down
      }
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int i = 1; i <= 2000; ++i) {
    const std::string value = std::to_string(i);
    Write(*engine, rows, {{"a", value}, {"b", value}});
  }
  (void)engine->Snapshot();
  CHECK(Read(*rows.Over(*engine), "a") == "2000");
  stop = true;
  first.join();
  second.join();
  CHECK(torn == 0);
  CHECK(backwards == 0);
}

}  // namespace
}  // namespace openefs::metadata
