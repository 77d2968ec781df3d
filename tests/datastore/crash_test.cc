// Power is lost at every single call that changes the disk, and a data node must come up again with
// everything it acknowledged.
#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "tests/datastore/memory_file_system.h"
#include "tests/datastore/node_driver.h"

namespace openefs::datastore {
namespace {

using Unsynced = MemoryFileSystem::Unsynced;

constexpr uint64_t kSegmentBytes = 24 << 10;

std::string BytesOf(uint64_t number) { return TestBytes(700 + number * 977 % 7000, number); }

// What the node was asked to do and what it said to that.
class Expectations {
 public:
  void Put(LocalDataNode& node, uint64_t number) {
    State& state = states_[number];
    const bool ok = datastore::Put(node, Fragment(number), BytesOf(number)).ok();
    state = ok ? kThere : kEither;
  }

  void Delete(LocalDataNode& node, std::vector<uint64_t> numbers) {
    std::vector<FragmentId> ids;
    for (const uint64_t number : numbers) ids.push_back(Fragment(number));
    const bool ok = datastore::Delete(node, ids).ok();
    for (const uint64_t number : numbers) states_[number] = ok ? kGone : kEither;
  }

  // Several puts at once, so that one batch holds them.
  void PutTogether(LocalDataNode& node, std::vector<uint64_t> numbers) {
    std::vector<Awaited<absl::Status>> done(numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      node.Put(Fragment(numbers[i]), {Buffer::FromString(BytesOf(numbers[i]))}, done[i].Callback());
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
      states_[numbers[i]] = done[i].Get().ok() ? kThere : kEither;
    }
  }

  // Whatever is uncertain is certain from now on.
  void Check(LocalDataNode& node) {
    for (auto& [number, state] : states_) {
      const std::string bytes = BytesOf(number);
      const absl::StatusOr<std::string> got =
          Get(node, Fragment(number), 0, static_cast<uint32_t>(bytes.size()));
      INFO("fragment " << number << ": " << got.status().ToString());
      if (state == kThere) REQUIRE(got.ok());
      if (state == kGone) REQUIRE(absl::IsNotFound(got.status()));
      if (got.ok()) {
        REQUIRE(*got == bytes);
      } else {
        REQUIRE(absl::IsNotFound(got.status()));
      }
      state = got.ok() ? kThere : kGone;
    }
  }

 private:
  enum State { kThere, kGone, kEither };
  std::map<uint64_t, State> states_;
};

LocalDataNodeOptions CrashOptions(const TestDirectory& directory, MemoryFileSystem* files) {
  LocalDataNodeOptions options = NodeOptions(directory.path(), files);
  options.node.segment_bytes = kSegmentBytes;
  return options;
}

void Compact(LocalDataNode& node) {
  RateLimit pace(uint64_t{1} << 40);
  for (absl::StatusOr<bool> more = true; more.ok() && *more;) more = node.compactor().Step(&pace);
}

// Puts, deletes, new segments and compaction, twice; goes through whatever the node answers.
void Work(LocalDataNode& node, Expectations& expect, uint64_t base) {
  for (uint64_t i = 0; i < 6; ++i) expect.Put(node, base + i);
  expect.PutTogether(node, {base + 10, base + 11, base + 12});
  expect.Delete(node, {base + 1, base + 2, base + 3});
  expect.Put(node, base + 2);
  expect.PutTogether(node, {base + 13, base + 14});
  expect.Delete(node, {base + 10, base + 12, base + 4});
  Compact(node);
  expect.Put(node, base + 15);
  expect.Delete(node, {base + 2, base + 11});
  Compact(node);
}

// Runs the work with power lost after `calls` changes of the disk, and again while recovering.
// False: the work needs fewer.
bool LosePowerAt(int calls, Unsynced unsynced) {
  TestDirectory directory;
  MemoryFileSystem files;
  const LocalDataNodeOptions options = CrashOptions(directory, &files);
  Expectations expect;
  auto node = OpenNode(options);
  files.LosePowerAfter(calls);
  Work(*node, expect, 0);
  const bool lost = files.power_lost();
  node->CrashOnDestruction();
  node.reset();
  files.Restart(unsynced, static_cast<uint64_t>(calls));

  files.LosePowerAfter(1 + calls % 4);
  if (auto interrupted = LocalDataNode::Open(options); interrupted.ok()) {
    (*interrupted)->CrashOnDestruction();
  }
  files.Restart(unsynced, static_cast<uint64_t>(calls) + 1000);

  node = OpenNode(options);
  expect.Check(*node);
  Work(*node, expect, 100);
  expect.Check(*node);
  node->CrashOnDestruction();
  node.reset();
  files.Restart(Unsynced::kLost, 0);
  node = OpenNode(options);
  expect.Check(*node);
  return lost;
}

}  // namespace

TEST_CASE("power may be lost at every write and sync: what was acknowledged is there") {
  const Unsynced unsynced = GENERATE(Unsynced::kLost, Unsynced::kKept, Unsynced::kTorn);
  int calls = 1;
  for (;; ++calls) {
    INFO("power lost after " << calls << " calls, unsynced " << static_cast<int>(unsynced));
    if (!LosePowerAt(calls, unsynced)) break;
  }
  CHECK(calls > 40);  // it did go through many places
}

TEST_CASE("after a failed sync nothing is acknowledged until the node starts again") {
  TestDirectory directory;
  MemoryFileSystem files;
  const LocalDataNodeOptions options = CrashOptions(directory, &files);
  auto node = OpenNode(options);
  REQUIRE(Put(*node, Fragment(1), "one").ok());
  CHECK_FALSE(node->Status().failing());
  files.FailNextSync();
  CHECK(absl::IsInternal(Put(*node, Fragment(2), "two")));
  CHECK(node->Status().failing());
  // The next sync would succeed, without the bytes of the one that failed.
  CHECK(absl::IsInternal(Put(*node, Fragment(2), "two")));
  CHECK(absl::IsInternal(Put(*node, Fragment(3), "three")));
  CHECK(absl::IsInternal(Delete(*node, {Fragment(1)})));
  CHECK(Get(*node, Fragment(1), 0, 3).value() == "one");
  CHECK(absl::IsNotFound(Get(*node, Fragment(2), 0, 3).status()));
  RateLimit pace(1 << 30);
  CHECK_FALSE(node->compactor().Step(&pace).value());
  node.reset();
  // The process starts again with the cache still holding what the disk does not have: it must not
  // believe it.
  node = OpenNode(options);
  CHECK_FALSE(node->Status().failing());
  CHECK(absl::IsNotFound(Get(*node, Fragment(2), 0, 3).status()));
  CHECK(Put(*node, Fragment(2), "two").ok());
  node->CrashOnDestruction();
  node.reset();
  files.Restart(Unsynced::kLost, 0);
  node = OpenNode(options);
  CHECK(Get(*node, Fragment(1), 0, 3).value() == "one");
  CHECK(Get(*node, Fragment(2), 0, 3).value() == "two");
}

TEST_CASE("a full disk refuses puts; deletes and compaction make room") {
  TestDirectory directory;
  MemoryFileSystem files;
  LocalDataNodeOptions options = CrashOptions(directory, &files);
  options.node.reserve_bytes = 1000;
  auto node = OpenNode(options);
  for (uint64_t i = 0; i < 20; ++i) REQUIRE(Put(*node, Fragment(i), BytesOf(i)).ok());
  files.SetFreeBytes(999);
  CHECK(absl::IsResourceExhausted(Put(*node, Fragment(50), "more")));
  CHECK(Put(*node, Fragment(1), BytesOf(1)).ok());  // it is there already
  for (uint64_t i = 0; i < 18; ++i) REQUIRE(Delete(*node, {Fragment(i)}).ok());
  const uint64_t dead = node->Status().dead_bytes();
  Compact(*node);
  CHECK(node->Status().dead_bytes() < dead / 2);
  CHECK_FALSE(node->Status().failing());
  files.SetFreeBytes(1000);
  CHECK(Put(*node, Fragment(50), "more").ok());
  CHECK(Get(*node, Fragment(19), 0, 100).value() == BytesOf(19).substr(0, 100));
}

TEST_CASE("a disk that fills up within a write loses nothing and goes on when there is room") {
  TestDirectory directory;
  MemoryFileSystem files;
  const LocalDataNodeOptions options = CrashOptions(directory, &files);
  auto node = OpenNode(options);
  REQUIRE(Put(*node, Fragment(1), BytesOf(1)).ok());
  for (const uint64_t capacity : {2000, 2500, 3000, 4000}) {
    files.SetCapacity(capacity);
    CHECK(absl::IsResourceExhausted(Put(*node, Fragment(2), TestBytes(6000, 2))));
  }
  CHECK_FALSE(node->Status().failing());
  files.SetCapacity(1 << 30);
  CHECK(Put(*node, Fragment(3), BytesOf(3)).ok());
  node->CrashOnDestruction();
  node.reset();
  files.Restart(Unsynced::kKept, 0);
  node = OpenNode(options);
  CHECK(node->Status().corrupt_blocks() == 0);
  CHECK(Get(*node, Fragment(1), 0, 700).value() == BytesOf(1).substr(0, 700));
  CHECK(Get(*node, Fragment(3), 0, 700).value() == BytesOf(3).substr(0, 700));
  CHECK(absl::IsNotFound(Get(*node, Fragment(2), 0, 1).status()));
}

TEST_CASE("a log torn at any byte of its last record opens with everything before it") {
  TestDirectory directory;
  const std::string first = TestBytes(300, 1);
  const std::string second = TestBytes(50, 2);
  for (uint64_t cut = 0; cut < PutRecordBytes(50); ++cut) {
    MemoryFileSystem files;
    const LocalDataNodeOptions options = CrashOptions(directory, &files);
    std::filesystem::remove_all(directory.path() + "/index");
    auto node = OpenNode(options);
    REQUIRE(Put(*node, Fragment(1), first).ok());
    REQUIRE(Put(*node, Fragment(2), second).ok());
    node->CrashOnDestruction();
    node.reset();
    files.TruncateEverywhere(PutRecordBytes(300) + cut);
    node = OpenNode(options);
    INFO("cut at " << cut);
    REQUIRE(Get(*node, Fragment(1), 0, 300).value() == first);
    const bool whole = cut >= DataOffsetOf(50) + 50;  // but for padding
    REQUIRE(Get(*node, Fragment(2), 0, 50).ok() == whole);
    REQUIRE(node->Status().corrupt_blocks() == 0);
    REQUIRE(Put(*node, Fragment(3), "on").ok());
    node->CrashOnDestruction();
    if (cut % 8 != 0) continue;  // going on from there, at some places
    node.reset();
    node = OpenNode(options);
    REQUIRE(Get(*node, Fragment(1), 0, 300).value() == first);
    REQUIRE(Get(*node, Fragment(2), 0, 50).ok() == whole);
    REQUIRE(Get(*node, Fragment(3), 0, 2).value() == "on");
    node->CrashOnDestruction();
  }
}

}  // namespace openefs::datastore
