// Checkpoints of an engine, and installing them in another, also across crashes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/files.h"
#include "tests/metadata/engines.h"

namespace openefs::metadata {
namespace {

namespace fs = std::filesystem;

using Map = std::map<std::string, std::string>;

Map Contents(const KvSnapshot& snapshot) {
  Map contents;
  for (auto it = snapshot.Scan("", "~"); it->Valid(); it->Next()) {
    contents[std::string(it->Key())] = std::string(it->Value());
  }
  return contents;
}
Map Contents(KvEngine& engine) { return Contents(*engine.Snapshot()); }

size_t StoresIn(const std::string& directory) {
  size_t stores = 0;
  for (const auto& entry : fs::directory_iterator(directory)) stores += entry.is_directory();
  return stores;
}

TEMPLATE_LIST_TEST_CASE("a checkpoint holds what was there, and plain files only", "", AllEngines) {
  TestType maker;
  TempDir directory;
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}, {"b", "2"}, {"c", "3"}}).ok());
  REQUIRE(engine->Write({{"b", std::nullopt}, {"c", "4"}}).ok());
  REQUIRE(engine->Checkpoint(directory / "one").ok());
  REQUIRE(engine->Write({{"a", "5"}, {"d", "6"}}).ok());
  REQUIRE(engine->Checkpoint(directory / "two").ok());
  for (const auto& entry : fs::recursive_directory_iterator(directory / "one")) {
    const std::string name = entry.path().filename().string();
    CHECK(entry.is_regular_file());
    CHECK(name.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
          std::string::npos);
  }
  TestType other;
  auto target = other.Open();
  REQUIRE(target->Write({{"z", "old"}}).ok());
  REQUIRE(target->Install(directory / "two").ok());
  CHECK(Contents(*target) == Map{{"a", "5"}, {"c", "4"}, {"d", "6"}});
  REQUIRE(target->Install(directory / "one").ok());
  CHECK(Contents(*target) == Map{{"a", "1"}, {"c", "4"}});
  REQUIRE(target->Write({{"e", "7"}, {"a", std::nullopt}}).ok());
  CHECK(Contents(*target) == Map{{"c", "4"}, {"e", "7"}});
}

TEMPLATE_LIST_TEST_CASE("an empty engine can be copied", "", AllEngines) {
  TestType maker;
  TestType other;
  TempDir directory;
  REQUIRE(maker.Open()->Checkpoint(directory / "c").ok());
  auto target = other.Open();
  REQUIRE(target->Write({{"z", "old"}}).ok());
  REQUIRE(target->Install(directory / "c").ok());
  CHECK(Contents(*target).empty());
}

TEMPLATE_LIST_TEST_CASE("snapshots outlive the store that is replaced under them", "", AllEngines) {
  TestType maker;
  TestType other;
  TempDir directory;
  REQUIRE(other.Open()->Checkpoint(directory / "c").ok());
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}, {"b", "2"}}).ok());
  auto before = engine->Snapshot();
  auto it = before->Scan("a", "z");
  REQUIRE(engine->Install(directory / "c").ok());
  CHECK(Contents(*engine).empty());
  CHECK(Contents(*before) == Map{{"a", "1"}, {"b", "2"}});
  it->Next();
  REQUIRE(it->Valid());
  CHECK(it->Key() == "b");
  it.reset();
  before.reset();
  CHECK(Contents(*engine).empty());
}

TEMPLATE_LIST_TEST_CASE("an engine that is cleared is empty, its snapshots go on", "", AllEngines) {
  TestType maker;
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}, {"b", "2"}}).ok());
  auto before = engine->Snapshot();
  REQUIRE(engine->Clear().ok());
  CHECK(Contents(*engine).empty());
  CHECK(Contents(*before) == Map{{"a", "1"}, {"b", "2"}});
  REQUIRE(engine->Write({{"c", "3"}}).ok());
  CHECK(Contents(*engine) == Map{{"c", "3"}});
  REQUIRE(engine->Clear().ok());
  CHECK(Contents(*engine).empty());
}

TEST_CASE("clearing a store leaves the old content or none, wherever it is stopped") {
  const auto step = GENERATE(InstallStep::kOpened, InstallStep::kCurrent);
  RocksEngine maker;
  {
    auto engine = maker.Open();
    REQUIRE(engine->Write({{"a", "1"}}).ok());
    REQUIRE(engine->Flush().ok());
  }
  {
    auto engine = maker.Open([step](InstallStep at) {
      return at == step ? absl::InternalError("the power is gone") : absl::OkStatus();
    });
    CHECK_FALSE(engine->Clear().ok());
  }
  auto engine = maker.Open();
  CHECK(Contents(*engine).empty() == (step == InstallStep::kCurrent));
  CHECK(StoresIn(maker.directory / "kv") == 1);
  REQUIRE(engine->Clear().ok());
  engine.reset();
  CHECK(Contents(*maker.Open()).empty());
}

TEMPLATE_LIST_TEST_CASE("what is no checkpoint is refused, and the old content stays", "",
                        AllEngines) {
  TestType maker;
  TempDir directory;
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  fs::create_directory(directory / "empty");
  CHECK_FALSE(engine->Install(directory / "nowhere").ok());
  CHECK(engine->Install(directory / "empty").code() == absl::StatusCode::kDataLoss);
  REQUIRE(engine->Checkpoint(directory / "cut").ok());
  for (const auto& entry : fs::directory_iterator(directory / "cut")) {
    const auto bytes = ReadSmallFile(entry.path().string());
    fs::remove(entry.path());  // it may be shared with the engine
    std::ofstream(entry.path(), std::ios::binary) << bytes->substr(0, bytes->size() / 2);
  }
  CHECK_FALSE(engine->Install(directory / "cut").ok());
  CHECK(Contents(*engine) == Map{{"a", "1"}});
  REQUIRE(engine->Checkpoint(directory / "good").ok());
  CHECK_FALSE(engine->Checkpoint(directory / "good").ok());  // is there already
  CHECK(engine->Install(directory / "good").ok());
  CHECK(Contents(*engine) == Map{{"a", "1"}});
}

TEST_CASE("a checkpoint with a flipped bit in a table or a blob is refused") {
  const std::string kind = GENERATE(".sst", ".blob");
  RocksEngine maker;
  RocksEngine other;
  TempDir directory;
  auto source = other.Open();
  for (int i = 0; i < 200; ++i) {
    REQUIRE(source
                ->Write({{"key " + std::to_string(i), std::string(100, 'v')},
                         {"large " + std::to_string(i), std::string(5'000, 'v')}})
                .ok());
  }
  REQUIRE(source->Checkpoint(directory / "c").ok());
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(directory / "c")) {
    if (entry.path().extension() != kind) continue;
    ++damaged;
    auto bytes = *ReadSmallFile(entry.path().string());
    bytes[bytes.size() / 3] ^= 0x20;
    fs::remove(entry.path());
    std::ofstream(entry.path(), std::ios::binary) << bytes;
  }
  REQUIRE(damaged > 0);
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  CHECK(engine->Install(directory / "c").code() == absl::StatusCode::kDataLoss);
  CHECK(Contents(*engine) == Map{{"a", "1"}});
}

TEST_CASE("what was installed is there after a restart, and nothing else") {
  RocksEngine maker;
  RocksEngine other;
  TempDir directory;
  auto source = other.Open();
  REQUIRE(source->Write({{"k", "new"}}).ok());
  REQUIRE(source->Checkpoint(directory / "c").ok());
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  auto before = engine->Snapshot();
  REQUIRE(engine->Install(directory / "c").ok());
  CHECK(StoresIn(maker.directory / "kv") == 2);  // somebody reads the old one
  before.reset();
  CHECK(StoresIn(maker.directory / "kv") == 1);
  REQUIRE(engine->Write({{"l", "later"}}).ok());
  REQUIRE(engine->Flush().ok());
  engine.reset();
  fs::remove_all(directory / "c");
  CHECK(Contents(*maker.Open()) == Map{{"k", "new"}, {"l", "later"}});
}

TEST_CASE("a crash at any step of an installation leaves the old content or the new") {
  RocksEngine other;
  TempDir directory;
  auto source = other.Open();
  REQUIRE(source->Write({{"k", "new"}}).ok());
  REQUIRE(source->Checkpoint(directory / "c").ok());
  using enum InstallStep;
  const InstallStep last = GENERATE(kBegun, kCloned, kOpened, kCurrent);
  RocksEngine maker;
  {
    auto engine = maker.Open([&](InstallStep step) {
      return step == last ? absl::InternalError("the world ends") : absl::OkStatus();
    });
    REQUIRE(engine->Write({{"a", "1"}}).ok());
    REQUIRE(engine->Flush().ok());
    REQUIRE_FALSE(engine->Install(directory / "c").ok());
    CHECK(Contents(*engine) == Map{{"a", "1"}});
  }
  auto engine = maker.Open();
  CHECK(StoresIn(maker.directory / "kv") == 1);
  const bool switched = last == kCurrent;
  CHECK(Contents(*engine) == (switched ? Map{{"k", "new"}} : Map{{"a", "1"}}));
  REQUIRE(engine->Install(directory / "c").ok());
  CHECK(Contents(*engine) == Map{{"k", "new"}});
  CHECK(StoresIn(maker.directory / "kv") == 1);
}

TEST_CASE("a damaged pointer to the store is one clear error") {
  RocksEngine maker;
  REQUIRE(maker.Open()->Write({{"a", "1"}}).ok());
  const std::string path = maker.directory / "kv/current";
  const std::string text =
      GENERATE("", "store-1", "store-00000000", "../../etc", "store-00000001\n");
  std::ofstream(path, std::ios::trunc) << text;
  const auto engine = OpenRocksKv(maker.directory / "kv");
  REQUIRE(engine.status().code() == absl::StatusCode::kDataLoss);
  CHECK(engine.status().message().find(path) != absl::string_view::npos);
  CHECK(StoresIn(maker.directory / "kv") == 1);
}

TEST_CASE("a lost pointer never costs a store") {
  RocksEngine maker;
  TempDir directory;
  auto engine = maker.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  REQUIRE(engine->Flush().ok());
  engine.reset();
  fs::remove(maker.directory / "kv/current");
  engine = maker.Open();
  CHECK(Contents(*engine) == Map{{"a", "1"}});
  REQUIRE(engine->Checkpoint(directory / "c").ok());
  REQUIRE(engine->Install(directory / "c").ok());
  engine.reset();
  fs::remove(maker.directory / "kv/current");
  CHECK(OpenRocksKv(maker.directory / "kv").status().code() == absl::StatusCode::kDataLoss);
  CHECK(StoresIn(maker.directory / "kv") == 1);
}

}  // namespace
}  // namespace openefs::metadata
