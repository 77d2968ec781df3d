#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <thread>

#include "datastore/node/record.h"
#include "tests/datastore/node_driver.h"

namespace openefs::datastore {
namespace {

std::string SegmentPath(const TestDirectory& directory, uint64_t id) {
  return directory.path() + "/segments/" + SegmentSet::NameOf(id);
}

void FlipBit(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  REQUIRE(file.good());
}

}  // namespace

TEST_CASE("a fragment is read back, in whole and in parts") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  for (const size_t size : {0, 1, 63, 64, 16383, 16384, 16385, 100'000}) {
    const std::string bytes = TestBytes(size, size);
    const FragmentId id = Fragment(size);
    REQUIRE(Put(*node, id, bytes).ok());
    CHECK(Get(*node, id, 0, static_cast<uint32_t>(size)).value() == bytes);
    for (const uint32_t offset : {0u, 1u, 16383u, 16384u, 50'000u}) {
      if (offset > size) continue;
      const uint32_t length = static_cast<uint32_t>(size - offset) / 2;
      CHECK(Get(*node, id, offset, length).value() == bytes.substr(offset, length));
    }
    const uint32_t beyond = static_cast<uint32_t>(size) + 1;
    CHECK(absl::IsOutOfRange(Get(*node, id, 0, beyond).status()));
    CHECK(absl::IsOutOfRange(Get(*node, id, beyond, 0).status()));
    CHECK(absl::IsOutOfRange(Get(*node, id, UINT32_MAX, UINT32_MAX).status()));
  }
  CHECK(absl::IsNotFound(Get(*node, Fragment(1, 5), 0, 1).status()));
}

TEST_CASE("storing a fragment again is fine with the same bytes and refused with others") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  const std::string bytes = TestBytes(5000, 1);
  REQUIRE(Put(*node, Fragment(1), bytes).ok());
  const uint64_t stored = node->Status().live_bytes();
  CHECK(Put(*node, Fragment(1), bytes).ok());
  CHECK(node->Status().live_bytes() == stored);
  CHECK(node->Status().dead_bytes() == 0);
  CHECK(absl::IsAlreadyExists(Put(*node, Fragment(1), TestBytes(5000, 2))));
  CHECK(absl::IsAlreadyExists(Put(*node, Fragment(1), bytes.substr(1))));
  CHECK(Get(*node, Fragment(1), 0, 5000).value() == bytes);
}

TEST_CASE("the same fragment twice in one batch is stored once") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  const std::string bytes = TestBytes(5000, 1);
  std::vector<Awaited<absl::Status>> same(50);
  Awaited<absl::Status> other;
  for (size_t i = 0; i < same.size(); ++i) {
    node->Put(Fragment(1), {Buffer::Copy(bytes)}, same[i].Callback());
  }
  node->Put(Fragment(1), {Buffer::Copy("other")}, other.Callback());
  for (auto& done : same) CHECK(done.Get().ok());
  CHECK(absl::IsAlreadyExists(other.Get()));
  CHECK(node->Status().fragments() == 1);
  CHECK(node->Status().dead_bytes() == 0);
}

TEST_CASE("what is deleted is gone, and may be deleted again") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  REQUIRE(Put(*node, Fragment(1), "one").ok());
  REQUIRE(Put(*node, Fragment(2), "two").ok());
  CHECK(Delete(*node, {Fragment(1), Fragment(1), Fragment(9)}).ok());
  CHECK(absl::IsNotFound(Get(*node, Fragment(1), 0, 3).status()));
  CHECK(Get(*node, Fragment(2), 0, 3).value() == "two");
  CHECK(Delete(*node, {Fragment(1)}).ok());
  CHECK(Delete(*node, {}).ok());
  // The id may be used again.
  CHECK(Put(*node, Fragment(1), "new").ok());
  CHECK(Get(*node, Fragment(1), 0, 3).value() == "new");
}

TEST_CASE("everything survives a restart, clean or not, over many segments") {
  TestDirectory directory;
  std::map<FragmentId, std::string> expected;
  std::string store_id;
  for (uint64_t round = 0; round < 6; ++round) {
    auto node = OpenNode(NodeOptions(directory.path()));
    if (round == 0) store_id = node->Status().store_id();
    CHECK(node->Status().store_id() == store_id);
    CHECK(node->Status().fragments() == expected.size());
    CHECK(node->Status().corrupt_blocks() == 0);
    for (const auto& [id, bytes] : expected) {
      const auto got = Get(*node, id, 0, static_cast<uint32_t>(bytes.size()));
      REQUIRE(got.ok());
      REQUIRE(*got == bytes);
    }
    for (uint64_t i = 0; i < 20; ++i) {
      const FragmentId id = Fragment(round * 100 + i, static_cast<uint32_t>(i % 6));
      expected[id] = TestBytes(1000 + 3571 * i, round * 100 + i);
      REQUIRE(Put(*node, id, expected[id]).ok());
    }
    for (uint64_t i = 0; i < 20; i += 4) {
      const FragmentId id = Fragment(round * 100 + i, static_cast<uint32_t>(i % 6));
      REQUIRE(Delete(*node, {id}).ok());
      expected.erase(id);
    }
    if (round % 2 == 1) node->CrashOnDestruction();
  }
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(absl::IsNotFound(Get(*node, Fragment(0), 0, 1).status()));
}

TEST_CASE("a lost index is rebuilt from the segments") {
  TestDirectory directory;
  {
    auto node = OpenNode(NodeOptions(directory.path()));
    for (uint64_t i = 0; i < 30; ++i) REQUIRE(Put(*node, Fragment(i), TestBytes(20'000, i)).ok());
    REQUIRE(Delete(*node, {Fragment(3), Fragment(29)}).ok());
  }
  std::filesystem::remove_all(directory.path() + "/index");
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(node->Status().fragments() == 28);
  CHECK(absl::IsNotFound(Get(*node, Fragment(3), 0, 1).status()));
  for (uint64_t i = 4; i < 29; ++i) {
    CHECK(Get(*node, Fragment(i), 0, 20'000).value() == TestBytes(20'000, i));
  }
}

TEST_CASE("a flipped bit is DATA_LOSS where it is, found by scrubbing, and can be repaired") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  const std::string bytes = TestBytes(60'000, 1);
  REQUIRE(Put(*node, Fragment(1), bytes).ok());
  REQUIRE(Put(*node, Fragment(2), bytes).ok());
  FlipBit(SegmentPath(directory, 1), DataOffsetOf(60'000) + 20'000);
  CHECK(absl::IsDataLoss(Get(*node, Fragment(1), 0, 60'000).status()));
  CHECK(absl::IsDataLoss(Get(*node, Fragment(1), 16'384, 1).status()));
  CHECK(Get(*node, Fragment(1), 0, 16'384).value() == bytes.substr(0, 16'384));
  CHECK(Get(*node, Fragment(1), 32'768, 1000).value() == bytes.substr(32'768, 1000));
  CHECK(node->Status().corrupt_blocks() >= 1);
  CHECK(Get(*node, Fragment(2), 0, 60'000).value() == bytes);

  FlipBit(SegmentPath(directory, 1), PutRecordBytes(60'000) + DataOffsetOf(60'000) + 59'999);
  // Marking goes through the same queue as this, so it is done by then and nothing counts twice.
  REQUIRE(Put(*node, Fragment(3), "barrier").ok());
  const uint64_t before = node->Status().corrupt_blocks();
  RateLimit pace(1u << 30);
  CHECK(node->scrubber().Pass(&pace).ok());
  CHECK(node->Status().corrupt_blocks() == before + 1);

  REQUIRE(Put(*node, Fragment(1), bytes).ok());
  CHECK(Get(*node, Fragment(1), 0, 60'000).value() == bytes);
  pb::ListFragmentsRequest request;
  request.set_limit(10);
  const auto listed = node->List(request).value();
  REQUIRE(listed.entries_size() == 3);
  CHECK_FALSE(listed.entries(0).corrupt());
  CHECK(listed.entries(1).corrupt());
}

TEST_CASE("damage in the middle of a segment costs that record only") {
  TestDirectory directory;
  const uint64_t record = PutRecordBytes(10'000);
  const bool header = GENERATE(true, false);
  {
    auto node = OpenNode(NodeOptions(directory.path()));
    for (uint64_t i = 0; i < 5; ++i) REQUIRE(Put(*node, Fragment(i), TestBytes(10'000, i)).ok());
    node->CrashOnDestruction();
  }
  FlipBit(SegmentPath(directory, 1), 2 * record + (header ? 10 : 5000));
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(node->Status().corrupt_blocks() == 1);
  for (uint64_t i = 0; i < 5; ++i) {
    const auto got = Get(*node, Fragment(i), 0, 10'000);
    if (i == 2) {
      CHECK(absl::IsNotFound(got.status()));
    } else {
      CHECK(got.value() == TestBytes(10'000, i));
    }
  }
}

TEST_CASE("bytes of a client that look like a record are not taken for one") {
  TestDirectory directory;
  std::string forged;
  {
    auto node = OpenNode(NodeOptions(directory.path()));
    Record record;
    record.id = Fragment(66);
    record.length = 64;
    record.crcs = CrcsOf({Buffer::Copy(std::string(64, 'x'))});
    // What an attacker would have to guess is the store id.
    forged = EncodeRecord(record, RecordSeed(std::string(16, '\0'), 1));
    forged.resize(128, 'x');
    REQUIRE(Put(*node, Fragment(1), forged + forged + forged).ok());
    REQUIRE(Put(*node, Fragment(2), "behind").ok());
    node->CrashOnDestruction();
  }
  FlipBit(SegmentPath(directory, 1), 3);  // the header of the first: its bytes are searched
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(absl::IsNotFound(Get(*node, Fragment(66), 0, 1).status()));
  CHECK(Get(*node, Fragment(2), 0, 6).value() == "behind");
}

TEST_CASE("compaction gives dead space back and keeps what is alive") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  for (uint64_t i = 0; i < 60; ++i) REQUIRE(Put(*node, Fragment(i), TestBytes(20'000, i)).ok());
  for (uint64_t i = 0; i < 60; ++i) {
    if (i % 4 != 0) {
      REQUIRE(Delete(*node, {Fragment(i)}).ok());
    }
  }
  const uint64_t dead = node->Status().dead_bytes();
  RateLimit pace(uint64_t{1} << 40);
  int steps = 0;
  while (node->compactor().Step(&pace).value()) ++steps;
  CHECK(steps > 3);
  CHECK(steps < 20);  // it ends: tombstones do not chase each other
  CHECK(node->Status().dead_bytes() < dead / 4);
  const auto check = [&] {
    for (uint64_t i = 0; i < 60; ++i) {
      const auto got = Get(*node, Fragment(i), 0, 20'000);
      if (i % 4 == 0) {
        REQUIRE(got.value() == TestBytes(20'000, i));
      } else {
        REQUIRE(absl::IsNotFound(got.status()));
      }
    }
  };
  check();
  node->CrashOnDestruction();
  node.reset();
  node = OpenNode(NodeOptions(directory.path()));
  check();
  node.reset();
  std::filesystem::remove_all(directory.path() + "/index");
  node = OpenNode(NodeOptions(directory.path()));
  check();
}

TEST_CASE("compaction of everything deleted leaves next to nothing") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  std::vector<FragmentId> ids;
  for (uint64_t i = 0; i < 60; ++i) {
    ids.push_back(Fragment(i));
    REQUIRE(Put(*node, ids.back(), TestBytes(20'000, i)).ok());
  }
  REQUIRE(Delete(*node, ids).ok());
  RateLimit pace(uint64_t{1} << 40);
  while (node->compactor().Step(&pace).value()) {
  }
  const pb::DataNodeStatus status = node->Status();
  CHECK(status.fragments() == 0);
  CHECK(status.live_bytes() == 0);
  CHECK(status.dead_bytes() < 256 << 10);  // the active segment at most
}

TEST_CASE("fragments are listed in blob order, page by page") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  for (uint64_t i = 0; i < 20; ++i) {
    REQUIRE(Put(*node, Fragment(100 - i, 2), std::string(i, 'x')).ok());
    REQUIRE(Put(*node, Fragment(100 - i, 4), std::string(i, 'x')).ok());
  }
  pb::ListFragmentsRequest request;
  request.set_limit(7);
  std::vector<std::pair<uint64_t, uint32_t>> seen;
  while (true) {
    const pb::ListFragmentsResponse page = node->List(request).value();
    for (const auto& entry : page.entries()) {
      seen.emplace_back(entry.fragment().blob().low(), entry.fragment().index());
      CHECK(entry.length() == 100 - entry.fragment().blob().low());
    }
    if (page.end()) break;
    REQUIRE(page.entries_size() >= 7);
    *request.mutable_after() = page.entries().rbegin()->fragment().blob();
  }
  REQUIRE(seen.size() == 40);
  for (size_t i = 0; i < 40; ++i) {
    CHECK(seen[i] == std::pair<uint64_t, uint32_t>(81 + i / 2, i % 2 == 0 ? 2 : 4));
  }
}

TEST_CASE("another node, cluster or process cannot open the directory") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(absl::IsAlreadyExists(LocalDataNode::Open(NodeOptions(directory.path())).status()));
  node.reset();
  LocalDataNodeOptions other = NodeOptions(directory.path());
  other.node.node_id = 8;
  CHECK(absl::IsFailedPrecondition(LocalDataNode::Open(other).status()));
  other = NodeOptions(directory.path());
  other.node.cluster_id = std::string(16, 'd');
  CHECK(absl::IsFailedPrecondition(LocalDataNode::Open(other).status()));
  CHECK(OpenDataNode(NodeOptions(directory.path()).node).ok());
}

TEST_CASE("a store that lost its identity is refused") {
  TestDirectory directory;
  { REQUIRE(Put(*OpenNode(NodeOptions(directory.path())), Fragment(1), "x").ok()); }
  std::filesystem::remove(directory.path() + "/store_id");
  CHECK(absl::IsFailedPrecondition(LocalDataNode::Open(NodeOptions(directory.path())).status()));
}

TEST_CASE("what is too large is refused") {
  TestDirectory directory;
  auto node = OpenNode(NodeOptions(directory.path()));
  CHECK(absl::IsInvalidArgument(Put(*node, Fragment(1), std::string((8 << 20) + 1, 'x'))));
  CHECK(absl::IsInvalidArgument(Delete(*node, std::vector<FragmentId>(4097))));
  // Larger than a segment, but allowed: it gets one of its own.
  CHECK(Put(*node, Fragment(2), TestBytes(8 << 20, 2)).ok());
  CHECK(Get(*node, Fragment(2), (8 << 20) - 5, 5).value() ==
        TestBytes(8 << 20, 2).substr((8 << 20) - 5));
}

TEST_CASE("many threads put, get and delete while segments are compacted") {
  TestDirectory directory;
  LocalDataNodeOptions options = NodeOptions(directory.path());
  options.node.segment_bytes = 128 << 10;
  auto node = OpenNode(options);
  std::atomic<bool> stop{false};
  std::thread compaction([&] {
    RateLimit pace(uint64_t{1} << 40);
    while (!stop) (void)node->compactor().Step(&pace);
  });
  std::vector<std::thread> clients;
  std::atomic<int> wrong{0};
  for (uint64_t t = 0; t < 4; ++t) {
    clients.emplace_back([&, t] {
      for (uint64_t i = 0; i < 60; ++i) {
        Awaited<absl::Status> put;
        const std::string bytes = TestBytes(3000 + i * 100, t * 1000 + i);
        node->Put(Fragment(t * 1000 + i), {Buffer::Copy(bytes)}, put.Callback());
        if (!put.Get().ok()) ++wrong;
        Awaited<absl::StatusOr<Buffer>> got;
        node->Get(Fragment(t * 1000 + i / 2 * 2), 0, 3000, got.Callback());
        const auto read = got.Get();
        if (!read.ok() || read->view() != TestBytes(3000, t * 1000 + i / 2 * 2)) ++wrong;
        if (i % 2 == 0) continue;
        Awaited<absl::Status> gone;
        node->Delete({Fragment(t * 1000 + i)}, gone.Callback());
        if (!gone.Get().ok()) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  stop = true;
  compaction.join();
  CHECK(wrong == 0);
  CHECK(node->Status().fragments() == 120);
}

}  // namespace openefs::datastore
