#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "metadata/state_machine.h"
#include "tests/metadata/engines.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

std::vector<std::pair<std::string, std::string>> Dump(MetadataStateMachine& machine) {
  std::vector<std::pair<std::string, std::string>> rows;
  auto snapshot = machine.Snapshot();
  for (auto it = snapshot->Scan("", std::string(9, '\xff')); it->Valid(); it->Next())
    rows.emplace_back(std::string(it->Key()), std::string(it->Value()));
  return rows;
}

void AddRandomSegment(std::mt19937& random, pb::MetadataEntry* entry) {
  pb::SegmentRequest* segment = entry->add_segments();
  segment->set_group(kTestGroup);
  const auto name = [&] { return std::string(1, 'a' + random() % 4); };
  segment->add_operations()->mutable_put_root()->set_fs_id(kTestFs);
  if (random() % 2 == 0) segment->add_operations()->mutable_lookup()->set_name(name());
  pb::Operation* last = segment->add_operations();
  switch (random() % 5) {
    case 0:
      last->mutable_remove()->set_name(name());
      break;
    case 1:
      last->mutable_rename()->set_old_name(name());
      last->mutable_rename()->set_new_name(name());
      *segment->mutable_registers() = {};
      break;
    case 2:
      last->mutable_set_attr()->mutable_change()->set_mode(random() % 01000);
      break;
    default:
      last->mutable_create()->set_type(random() % 3 == 0 ? pb::FIFO : pb::DIRECTORY);
      last->mutable_create()->set_name(name());
  }
}

std::vector<std::string> RandomEntries(uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::vector<std::string> entries;
  pb::MetadataEntry format;
  format.add_segments()->set_group(kTestGroup);
  format.mutable_segments(0)->add_operations()->mutable_format_file_system()->set_fs_id(kTestFs);
  entries.push_back(format.SerializeAsString());
  for (int i = 0; i < count; ++i) {
    pb::MetadataEntry entry;
    entry.set_wall_time_ns(1'700'000'000'000'000'000 + random() % 1'000'000'000);
    entry.set_random_seed(random());
    for (uint32_t n = random() % 4; n > 0; --n) AddRandomSegment(random, &entry);
    entries.push_back(entry.SerializeAsString());
  }
  return entries;
}

// Batches of any size; some batches end in a restart.
void ApplyAll(MetadataStateMachine& machine, const std::vector<std::string>& data,
              uint32_t max_batch) {
  for (size_t next = machine.AppliedIndex(); next < data.size();) {
    std::vector<replication::CommittedEntry> batch;
    for (uint32_t i = 0; i < max_batch && next < data.size(); ++i, ++next)
      batch.push_back({next + 1, 1, data[next], nullptr});
    REQUIRE(machine.Apply(batch).ok());
  }
}

TEST_CASE("replicas that apply the same entries are byte-identical") {
  const std::vector<std::string> entries = RandomEntries(GENERATE(11u, 12u), 200);
  RocksEngine rocks;
  MetadataStateMachine one(kTestGroup, MakeMemoryKv(), {});
  ApplyAll(one, entries, 1);
  MetadataStateMachine many(kTestGroup, MakeMemoryKv(), {});
  ApplyAll(many, entries, 64);
  const auto expected = Dump(one);
  CHECK(expected.size() > 10);
  CHECK(Dump(many) == expected);
  for (size_t stop : {size_t{50}, entries.size()}) {
    MetadataStateMachine restarted(kTestGroup, rocks.Open(), {});
    ApplyAll(restarted, {entries.begin(), entries.begin() + static_cast<ptrdiff_t>(stop)}, 7);
    REQUIRE(restarted.Flush().ok());
    if (stop == entries.size()) CHECK(Dump(restarted) == expected);
  }
  CHECK(CheckStore(*one.Snapshot()).Clean());
}

// A copy of the files while they are in use is what kill -9 leaves: nothing since the last flush.
TEST_CASE("a crash falls back to the last flush, and replay catches up") {
  const std::vector<std::string> entries = RandomEntries(13, 200);
  RocksEngine rocks;
  TempDir copies;
  MetadataStateMachine machine(kTestGroup, rocks.Open(), {});
  ApplyAll(machine, {entries.begin(), entries.begin() + 80}, 9);
  const auto flushed = machine.Flush();
  REQUIRE(flushed.ok());
  CHECK(*flushed == 80);
  ApplyAll(machine, entries, 9);
  const std::string copy = copies / "crashed";
  std::filesystem::copy(rocks.directory / "kv", copy, std::filesystem::copy_options::recursive);
  auto engine = OpenRocksKv(copy);
  REQUIRE(engine.ok());
  MetadataStateMachine crashed(kTestGroup, *std::move(engine), {});
  REQUIRE(crashed.AppliedIndex() == 80);
  CHECK(CheckStore(*crashed.Snapshot()).Clean());
  ApplyAll(crashed, entries, 5);
  CHECK(Dump(crashed) == Dump(machine));
}

TEMPLATE_LIST_TEST_CASE("a replica goes on from another one's checkpoint", "", AllEngines) {
  const std::vector<std::string> entries = RandomEntries(GENERATE(21u, 22u), 150);
  TestType maker;
  TestType other;
  TempDir directory;
  MetadataStateMachine machine(kTestGroup, maker.Open(), {});
  ApplyAll(machine, {entries.begin(), entries.begin() + 80}, 9);
  const auto before = Dump(machine);
  const auto index = machine.Checkpoint(directory / "checkpoint");
  REQUIRE(index.ok());
  CHECK(*index == 80);
  ApplyAll(machine, entries, 7);

  auto behind = std::make_unique<MetadataStateMachine>(kTestGroup, other.Open(),
                                                       MetadataStateMachine::Callbacks{});
  ApplyAll(*behind, {entries.begin(), entries.begin() + 20}, 5);
  for (int times = 0; times < 2; ++times) {  // it is repeated after a crash
    REQUIRE(behind->Install(directory / "checkpoint").ok());
    CHECK(behind->AppliedIndex() == 80);
    CHECK(Dump(*behind) == before);
  }
  CHECK(CheckStore(*behind->Snapshot()).Clean());
  std::filesystem::remove_all(directory / "checkpoint");
  ApplyAll(*behind, {entries.begin(), entries.begin() + 100}, 5);
  if (TestType::kOnDisk) {
    REQUIRE(behind->Flush().ok());
    behind.reset();
    behind = std::make_unique<MetadataStateMachine>(kTestGroup, other.Open(),
                                                    MetadataStateMachine::Callbacks{});
    REQUIRE(behind->AppliedIndex() == 100);
  }
  ApplyAll(*behind, entries, 3);
  CHECK(Dump(*behind) == Dump(machine));
}

}  // namespace
}  // namespace openefs::metadata
