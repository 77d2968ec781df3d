#include <atomic>
#include <bit>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "tests/datastore/test_cluster.h"

namespace openefs::datastore {
namespace {

// AZ of node i is i % 3.
constexpr int kSameAzAs0 = 3;
constexpr uint32_t kAll = 0x3f;

// Neither timeout is reached unless a test is about it.
constexpr BlobClientOptions kPatient{.patience_ms = 30'000, .hedge_ms = 30'000};

// Tests run over direct calls and over RPC.
enum class Over { kDirect, kRpc };

TestCluster::Options OptionsFor(Over over, BlobClientOptions client = kPatient) {
  TestCluster::Options options;
  options.client = client;
  if (over == Over::kRpc) options.wiring = MakeRpcWiring();
  return options;
}

void LetThingsHappen() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

bool SoundFor(const CodeSpec& spec, uint32_t durable, int azs) {
  for (int az = 0; az < azs; ++az) {
    int left = 0;
    for (int i = 0; i < spec.n(); ++i) {
      if (i % azs != az && (durable >> i & 1) != 0) ++left;
    }
    if (left < spec.k) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a blob is read back, whole and any part of it, with every code") {
  for (const CodeSpec& spec : kCodeTable) {
    TestCluster::Options options = OptionsFor(spec.k == 3 ? Over::kRpc : Over::kDirect);
    options.code = spec.code;
    TestCluster cluster(std::move(options));
    for (const uint32_t size : {1u, 63u, 200u, 65'536u, 1u << 20}) {
      const std::string bytes = TestBytes(size, size);
      const absl::StatusOr<WrittenBlob> blob = cluster.Write(bytes);
      REQUIRE(blob.ok());
      CHECK(blob->length == size);
      CHECK(blob->id.placement_group() == 1);
      CHECK(cluster.Read(*blob).value() == bytes);
      SeededRandom random(size);
      for (int i = 0; i < 20; ++i) {
        const auto offset = static_cast<uint32_t>(random.Next64() % size);
        const auto length = static_cast<uint32_t>(random.Next64() % (size - offset + 1));
        REQUIRE(cluster.Read(*blob, offset, length).value() == bytes.substr(offset, length));
      }
      cluster.AwaitDurable(blob->id, spec.AllMask());
    }
  }
}

TEST_CASE("a small read touches one node, and only the bytes it needs") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(1 << 20, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  CHECK(cluster.Read(blob, 400'000, 4096).value() == bytes.substr(400'000, 4096));
  CHECK(cluster.way(1).gets() == 1);
  CHECK(cluster.way(1).got_bytes() == 4096);
  for (const int i : {0, 2, 3, 4, 5}) CHECK(cluster.way(i).gets() == 0);
}

TEST_CASE("a small read of a missing fragment fetches the same columns of k others") {
  TestCluster cluster(OptionsFor(Over::kDirect));
  const std::string bytes = TestBytes(1 << 20, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  cluster.SetStatus(1, pb::NODE_DOWN);
  CHECK(cluster.Read(blob, 400'000, 4096).value() == bytes.substr(400'000, 4096));
  uint64_t got = 0;
  for (int i = 0; i < 6; ++i) got += cluster.way(i).got_bytes();
  CHECK(got == 3 * 4096);
  CHECK(cluster.way(1).gets() == 0);
}

TEST_CASE("a blob survives any three fragments missing, and no four") {
  TestCluster cluster(OptionsFor(Over::kDirect));
  const std::string bytes = TestBytes(300'000, 1);
  for (uint32_t missing = 1; missing < kAll; ++missing) {
    if (std::popcount(missing) > 4) continue;
    const WrittenBlob blob = cluster.Write(bytes).value();
    cluster.AwaitDurable(blob.id, kAll);
    for (uint32_t i = 0; i < 6; ++i) {
      if ((missing >> i & 1) == 0) continue;
      REQUIRE(Delete(cluster.node(static_cast<int>(i)), {{blob.id, i}}).ok());
    }
    INFO("missing " << missing);
    if (std::popcount(missing) <= 3) {
      REQUIRE(cluster.Read(blob).value() == bytes);
      REQUIRE(cluster.Read(blob, 99'990, 20).value() == bytes.substr(99'990, 20));
      REQUIRE(cluster.Read(blob, 100'032, 5000).value() == bytes.substr(100'032, 5000));
      REQUIRE(cluster.Read(blob, 250'000, 50'000).value() == bytes.substr(250'000, 50'000));
    } else if (missing % 8 != 0) {  // a data fragment is among them
      REQUIRE(absl::IsDataLoss(cluster.Read(blob).status()));
    } else {
      REQUIRE(cluster.Read(blob).value() == bytes);
    }
  }
}

TEST_CASE("tiny blobs, whose last fragments are empty, survive as well") {
  TestCluster cluster(OptionsFor(Over::kDirect));
  for (const uint32_t size : {1u, 64u, 65u, 129u}) {
    const std::string bytes = TestBytes(size, size);
    const WrittenBlob blob = cluster.Write(bytes).value();
    cluster.AwaitDurable(blob.id, kAll);
    for (uint32_t i = 0; i < 3; ++i) {
      REQUIRE(Delete(cluster.node(static_cast<int>(i)), {{blob.id, i}}).ok());
    }
    CHECK(cluster.Read(blob).value() == bytes);
    CHECK(cluster.Repair(blob, kAll).value() == kAll);
    for (uint32_t i = 3; i < 6; ++i) {
      REQUIRE(Delete(cluster.node(static_cast<int>(i)), {{blob.id, i}}).ok());
    }
    CHECK(cluster.Read(blob).value() == bytes);
  }
}

TEST_CASE("corrupt fragments are read around and repaired") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  for (const uint32_t i : {0u, 2u, 4u}) cluster.Corrupt(blob.id, i, blob.length);
  CHECK(cluster.Read(blob).value() == bytes);
  CHECK(cluster.Repair(blob, kAll).value() == kAll);
  for (const uint32_t i : {1u, 3u, 5u}) {
    REQUIRE(Delete(cluster.node(static_cast<int>(i)), {{blob.id, i}}).ok());
  }
  CHECK(cluster.Read(blob).value() == bytes);
}

TEST_CASE("a read that finds a corrupt fragment has it repaired") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  cluster.Corrupt(blob.id, 1, blob.length);
  REQUIRE(cluster.Read(blob, 150'000, 10).value() == bytes.substr(150'000, 10));
  const auto whole = [&] { return Get(cluster.node(1), {blob.id, 1}, 0, 100'000); };
  Await([&] { return whole().ok(); });
  CHECK(whole().value() == bytes.substr(100'032, 100'000));
}

TEST_CASE("repair asks first, and stores only what is missing") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(200'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  CHECK(cluster.Repair(blob, kAll).value() == kAll);
  for (int i = 0; i < 6; ++i) CHECK(cluster.way(i).puts() == 1);
  cluster.Wipe(2);
  cluster.Wipe(5);
  CHECK(cluster.Durable(blob.id) == 0x1b);
  // A node that is down is left for later.
  cluster.SetStatus(5, pb::NODE_DOWN);
  CHECK(cluster.Repair(blob, kAll).value() == 0x1f);
  CHECK(cluster.way(2).puts() == 2);
  cluster.SetStatus(5, pb::NODE_UP);
  CHECK(cluster.Repair(blob, 1u << 5).value() == 1u << 5);
  CHECK(cluster.Durable(blob.id) == kAll);
  CHECK(cluster.Repair(blob, 0).value() == 0);
}

TEST_CASE("repair of what cannot be rebuilt says so") {
  TestCluster cluster(OptionsFor(Over::kDirect, {.patience_ms = 2'000, .hedge_ms = 10'000}));
  const WrittenBlob blob = cluster.Write(TestBytes(200'000, 1)).value();
  cluster.AwaitDurable(blob.id, kAll);
  cluster.Wipe(0);
  for (const int i : {1, 2, 3}) cluster.way(i).Cut();
  CHECK(absl::IsUnavailable(cluster.Repair(blob, 1).status()));
  for (const int i : {1, 2, 3}) cluster.way(i).Release();
  for (const int i : {1, 2, 3}) cluster.Wipe(i);
  CHECK(absl::IsDataLoss(cluster.Repair(blob, 1).status()));
}

TEST_CASE("acknowledged means five of six fragments") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  cluster.way(5).Hang();
  const WrittenBlob blob = cluster.Write(TestBytes(300'000, 1)).value();
  CHECK(blob.missing_mask == 1u << 5);
  CHECK(cluster.Durable(blob.id) == 0x1f);
  cluster.way(4).Hang();
  Awaited<absl::StatusOr<WrittenBlob>> second;
  cluster.client().Write({Buffer::Copy("x")}, second.Callback());
  LetThingsHappen();
  CHECK_FALSE(second.Ready());
  // Hanging calls fail, and are made again.
  cluster.way(4).Release();
  CHECK(second.Get().value().missing_mask == 1u << 5);
}

TEST_CASE("two nodes dead but not yet down in the map: the write waits for the map") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.Kill(1);
  cluster.Kill(5);
  cluster.client().Write({Buffer::Copy(TestBytes(300'000, 1))}, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  cluster.SetStatus({1, 5}, pb::NODE_DOWN);
  const WrittenBlob blob = done.Get().value();
  CHECK(blob.missing_mask == ((1u << 1) | (1u << 5)));
  CHECK(cluster.Read(blob).value() == TestBytes(300'000, 1));
  // Back again: what is missing is repaired.
  cluster.Restart(1);
  cluster.Restart(5);
  cluster.SetStatus({1, 5}, pb::NODE_UP);
  CHECK(cluster.Repair(blob, blob.missing_mask).value() == blob.missing_mask);
  CHECK(cluster.Durable(blob.id) == kAll);
}

TEST_CASE("with an AZ gone, writes and reads go on; with one node more, writes wait for it") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob before = cluster.Write(bytes).value();
  cluster.AwaitDurable(before.id, kAll);
  cluster.Kill(0);
  cluster.Kill(kSameAzAs0);
  cluster.SetStatus({0, kSameAzAs0}, pb::NODE_DOWN);
  const WrittenBlob without_az = cluster.Write(bytes).value();
  CHECK(without_az.missing_mask == 0x09);
  CHECK(cluster.Durable(without_az.id) == 0x36);

  cluster.Kill(1);
  cluster.SetStatus(1, pb::NODE_DOWN);
  Awaited<absl::StatusOr<WrittenBlob>> waiting;
  cluster.client().Write({Buffer::Copy(bytes)}, waiting.Callback());
  CHECK(cluster.Read(before).value() == bytes);
  CHECK(cluster.Read(without_az).value() == bytes);
  LetThingsHappen();
  CHECK_FALSE(waiting.Ready());

  cluster.Restart(1);
  cluster.SetStatus(1, pb::NODE_UP);
  const WrittenBlob after = waiting.Get().value();
  CHECK(cluster.Read(after).value() == bytes);
  CHECK(cluster.Durable(after.id) == 0x36);
}

TEST_CASE("what a node acknowledged before it went down does not count") {
  TestCluster cluster(OptionsFor(Over::kDirect));
  for (const int i : {4, 5}) cluster.way(i).Hang();
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.client().Write({Buffer::Copy("bytes")}, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  // Three nodes left, 2, 4 and 5, of which only one has its fragment.
  cluster.SetStatus({0, 1, 3}, pb::NODE_DOWN);
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  for (const int i : {4, 5}) cluster.way(i).Release();
  LetThingsHappen();
  CHECK_FALSE(done.Ready());  // three of three are below k + 1
  cluster.SetStatus(0, pb::NODE_UP);
  CHECK(done.Get().ok());
}

TEST_CASE("a slow node is read around after the hedge time") {
  TestCluster cluster(
      OptionsFor(GENERATE(Over::kDirect, Over::kRpc), {.patience_ms = 30'000, .hedge_ms = 20}));
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  // Also when parity is as slow: the second hedge goes on from there.
  for (const int i : {0, 2, 3}) cluster.way(i).Hang();
  CHECK(cluster.Read(blob).value() == bytes);
  CHECK(cluster.Read(blob, 10, 10).value() == bytes.substr(10, 10));
}

TEST_CASE("an answer that comes after the hedge still counts") {
  TestCluster cluster(OptionsFor(Over::kDirect, {.patience_ms = 30'000, .hedge_ms = 10}));
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  for (const int i : {0, 1, 2, 3}) cluster.way(i).Hang();
  Awaited<absl::StatusOr<BufferList>> done;
  cluster.client().Read(blob.id, blob.length, 0, blob.length, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  cluster.way(3).Release();
  CHECK(JoinPieces(done.Get().value()) == bytes);
}

TEST_CASE("a node whose disk is full or failing is tried again until it takes the fragment") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  cluster.way(0).FailPutsWith(absl::StatusCode::kResourceExhausted);
  cluster.way(1).FailPutsWith(absl::StatusCode::kInternal);
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.client().Write({Buffer::Copy("bytes")}, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  cluster.way(0).FailPutsWith(absl::StatusCode::kOk);
  CHECK(done.Get().value().missing_mask == 2);
}

TEST_CASE("a write that never gets enough nodes ends with UNAVAILABLE") {
  TestCluster cluster(OptionsFor(Over::kDirect, {.patience_ms = 50, .hedge_ms = 1000}));
  for (const int i : {0, 1, 2}) cluster.way(i).Cut();
  CHECK(absl::IsUnavailable(cluster.Write("the map says up").status()));
  cluster.SetStatus({0, 1, 2}, pb::NODE_DOWN);
  CHECK(absl::IsUnavailable(cluster.Write("the map says down").status()));
}

TEST_CASE("a read of too few fragments is UNAVAILABLE while they may come back") {
  TestCluster cluster(OptionsFor(Over::kDirect, {.patience_ms = 2'000, .hedge_ms = 10'000}));
  const std::string bytes = TestBytes(100'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  for (const int i : {0, 1, 2, 3}) cluster.way(i).Cut();
  CHECK(absl::IsUnavailable(cluster.Read(blob).status()));
  cluster.SetStatus({0, 1, 2, 3}, pb::NODE_DOWN);
  CHECK(absl::IsUnavailable(cluster.Read(blob).status()));
  // Down in the map, but there: better than nothing.
  cluster.way(2).Release();
  CHECK(cluster.Read(blob).value() == bytes);
  cluster.SetStatus({0, 1, 2, 3}, pb::NODE_GONE);
  CHECK(absl::IsDataLoss(cluster.Read(blob).status()));
}

TEST_CASE("a read waits for a node that comes back in time") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  const std::string bytes = TestBytes(100'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  for (const int i : {0, 1, 2, 3}) cluster.Kill(i);
  Awaited<absl::StatusOr<BufferList>> done;
  cluster.client().Read(blob.id, blob.length, 0, blob.length, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  cluster.Restart(3);
  CHECK(JoinPieces(done.Get().value()) == bytes);
}

TEST_CASE("a fragment moves to another node with the map") {
  TestCluster::Options options = OptionsFor(Over::kDirect);
  options.spares = 1;
  TestCluster cluster(std::move(options));
  const std::string bytes = TestBytes(200'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, kAll);
  cluster.Kill(0);
  cluster.SetStatus(0, pb::NODE_GONE);
  cluster.SetMember(0, 6);
  CHECK(cluster.Read(blob).value() == bytes);
  CHECK(cluster.Repair(blob, 1).value() == 1);
  CHECK(Get(cluster.node(6), {blob.id, 0}, 0, 10).value() == bytes.substr(0, 10));
  const WrittenBlob fresh = cluster.Write(bytes).value();
  CHECK(cluster.Read(fresh).value() == bytes);
}

TEST_CASE("a fragment moves while a blob is written: the new node gets it") {
  TestCluster::Options options = OptionsFor(Over::kDirect);
  options.spares = 1;
  TestCluster cluster(std::move(options));
  for (const int i : {4, 5}) cluster.way(i).Hang();
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.client().Write({Buffer::Copy("bytes")}, done.Callback());
  LetThingsHappen();
  cluster.Kill(0);
  cluster.SetMember(0, 6);
  cluster.way(5).Release();
  const WrittenBlob blob = done.Get().value();
  CHECK(blob.missing_mask == 1u << 4);
  CHECK(Get(cluster.node(6), {blob.id, 0}, 0, 5).value() == "bytes");
}

TEST_CASE("delete forgets everywhere, or says that it could not") {
  TestCluster cluster(OptionsFor(GENERATE(Over::kDirect, Over::kRpc)));
  std::vector<BlobId> ids;
  for (uint64_t i = 0; i < 3; ++i) {
    ids.push_back(cluster.Write(TestBytes(10'000, i)).value().id);
    cluster.AwaitDurable(ids.back(), kAll);
  }
  cluster.SetStatus(2, pb::NODE_DOWN);
  CHECK(absl::IsUnavailable(cluster.Delete(ids)));
  for (const BlobId& id : ids) CHECK(cluster.Durable(id) == 1u << 2);
  cluster.SetStatus(2, pb::NODE_UP);
  cluster.way(2).Cut();
  CHECK_FALSE(cluster.Delete(ids).ok());
  cluster.way(2).Release();
  CHECK(cluster.Delete(ids).ok());
  for (const BlobId& id : ids) CHECK(cluster.Durable(id) == 0);
  CHECK(cluster.Delete(ids).ok());
  CHECK(cluster.Delete({}).ok());
  cluster.SetStatus(2, pb::NODE_GONE);
  CHECK(cluster.Delete(ids).ok());
  CHECK_FALSE(cluster.Delete({BlobId::Make(99, 0, 0)}).ok());
}

TEST_CASE("what makes no sense is refused") {
  TestCluster cluster(OptionsFor(Over::kDirect));
  CHECK(absl::IsInvalidArgument(cluster.Write("").status()));
  const WrittenBlob blob = cluster.Write("0123456789").value();
  CHECK(absl::IsInvalidArgument(cluster.Read(blob, 11, 0).status()));
  CHECK(absl::IsInvalidArgument(cluster.Read(blob, 5, 6).status()));
  CHECK(absl::IsInvalidArgument(cluster.Read(blob, UINT32_MAX, UINT32_MAX).status()));
  CHECK(cluster.Read(blob, 10, 0).value().empty());
  WrittenBlob other = blob;
  other.id = BlobId::Make(5, 1, 1);  // no such group
  CHECK(absl::IsUnavailable(cluster.Read(other).status()));
  other.id = BlobId::Make(1, 1, 1);  // no such blob
  CHECK(absl::IsDataLoss(cluster.Read(other).status()));
}

TEST_CASE("without a map nothing can be done") {
  const auto connect = [](const pb::DataNode&) { return std::shared_ptr<DataNodeClient>(); };
  auto client = MakeBlobClient(connect, {}, SystemClock::Get());
  Awaited<absl::StatusOr<WrittenBlob>> written;
  client->Write({Buffer::Copy("x")}, written.Callback());
  CHECK(absl::IsUnavailable(written.Get().status()));
  // A map of groups that cannot be served is as good as none.
  pb::ClusterMap map;
  auto* group = map.add_placement_groups();
  group->set_code(pb::RS_3_3);
  group->add_node_ids(1);
  client->SetClusterMap(std::make_shared<const pb::ClusterMap>(map));
  Awaited<absl::StatusOr<WrittenBlob>> again;
  client->Write({Buffer::Copy("x")}, again.Callback());
  CHECK(absl::IsUnavailable(again.Get().status()));
}

TEST_CASE("a client that goes ends what waits") {
  Awaited<absl::StatusOr<WrittenBlob>> written;
  Awaited<absl::StatusOr<BufferList>> read;
  {
    TestCluster cluster(OptionsFor(Over::kDirect));
    const WrittenBlob blob = cluster.Write(TestBytes(1000, 1)).value();
    for (const int i : {0, 1, 2, 3}) cluster.way(i).Cut();
    cluster.client().Write({Buffer::Copy("x")}, written.Callback());
    cluster.client().Read(blob.id, blob.length, 0, blob.length, read.Callback());
  }
  CHECK(absl::IsUnavailable(written.Get().status()));
  CHECK(absl::IsUnavailable(read.Get().status()));
}

TEST_CASE("in one AZ only, every fragment must be durable") {
  TestCluster::Options options = OptionsFor(Over::kDirect);
  options.azs = 1;
  TestCluster cluster(std::move(options));
  cluster.way(3).Hang();
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.client().Write({Buffer::Copy("x")}, done.Callback());
  LetThingsHappen();
  CHECK_FALSE(done.Ready());
  cluster.way(3).Release();
  CHECK(done.Get().value().missing_mask == 0);
}

TEST_CASE("no set of durable fragments is acknowledged that loses a blob with an AZ") {
  for (const CodeSpec& spec : kCodeTable) {
    PlacementGroup group;
    group.spec = &spec;
    group.members.resize(static_cast<size_t>(spec.n()));
    for (size_t i = 0; i < group.members.size(); ++i) group.members[i].az = std::to_string(i % 3);
    group.up_mask = spec.AllMask();
    int acknowledged = 0;
    for (uint32_t durable = 0; durable <= spec.AllMask(); ++durable) {
      if (!group.Acknowledges(durable)) continue;
      ++acknowledged;
      REQUIRE(SoundFor(spec, durable, 3));
      REQUIRE(std::popcount(durable) >= spec.k + spec.n() / 3);
    }
    CHECK(acknowledged > 0);
    for (uint32_t up = 0; up < spec.AllMask(); ++up) {
      group.up_mask = up;
      for (uint32_t durable = 0; durable <= spec.AllMask(); ++durable) {
        const bool expected = (durable & up) == up && std::popcount(up) >= spec.k + 1;
        REQUIRE(group.Acknowledges(durable) == expected);
      }
    }
  }
}

TEST_CASE("writes beyond the limit wait their turn, and beyond twice it are refused") {
  Admission admission(100, 100);
  std::vector<int> order;
  const auto go = [&](int who) { return [&order, who] { order.push_back(who); }; };
  CHECK(admission.Enter(60, go(0)) == Admission::Verdict::kGo);
  CHECK(admission.Enter(60, go(1)) == Admission::Verdict::kWait);
  CHECK(admission.Enter(10, go(2)) == Admission::Verdict::kWait);  // no overtaking
  CHECK(admission.Enter(31, go(3)) == Admission::Verdict::kRefused);
  CHECK(order.empty());
  admission.Leave(60);
  CHECK(order == std::vector<int>{1, 2});
  CHECK(admission.Enter(200, go(4)) == Admission::Verdict::kRefused);
  admission.Leave(60);
  admission.Leave(10);
  CHECK(admission.Enter(200, go(5)) == Admission::Verdict::kGo);  // alone it may be larger
}

// Writers go on while nodes die and come back; whatever was acknowledged must be there to the end,
// also with any AZ gone.
TEST_CASE("nothing acknowledged is lost while nodes die and come back") {
  TestCluster cluster(
      OptionsFor(GENERATE(Over::kDirect, Over::kRpc), {.patience_ms = 30'000, .hedge_ms = 50}));
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::mutex mu;
  std::vector<std::pair<WrittenBlob, uint64_t>> acknowledged;
  std::vector<std::thread> writers;
  for (uint64_t t = 0; t < 3; ++t) {
    writers.emplace_back([&, t] {
      for (uint64_t i = 0; !stop; ++i) {
        const uint64_t seed = t * 1'000'000 + i;
        Awaited<absl::StatusOr<WrittenBlob>> done;
        cluster.client().Write({Buffer::Copy(TestBytes(20'000 + i * 100, seed))}, done.Callback());
        const absl::StatusOr<WrittenBlob> blob = done.GetAnyThread();
        if (!blob.ok()) ++refused;
        if (blob.ok()) {
          const std::lock_guard<std::mutex> lock(mu);
          acknowledged.emplace_back(*blob, seed);
        }
        // Enough blobs to be hit at every moment, few enough to check them all.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  const std::vector<std::vector<int>> deaths = {{0, 1}, {4, 5}, {2, 5}, {1, 4}};
  for (const std::vector<int>& dead : deaths) {
    for (const int node : dead) cluster.Kill(node);
    LetThingsHappen();
    cluster.SetStatus(dead, pb::NODE_DOWN);
    LetThingsHappen();
    for (const int node : dead) cluster.Restart(node);
    cluster.SetStatus(dead, pb::NODE_UP);
    LetThingsHappen();
    // Repair is what makes the next death bearable.
    std::vector<std::pair<WrittenBlob, uint64_t>> so_far;
    {
      const std::lock_guard<std::mutex> lock(mu);
      so_far = acknowledged;
    }
    for (const auto& [blob, seed] : so_far) {
      REQUIRE((cluster.Repair(blob, blob.missing_mask).value() & blob.missing_mask) ==
              blob.missing_mask);
    }
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  CHECK(refused == 0);
  CHECK(acknowledged.size() > deaths.size());
  for (int az = 0; az < 3; ++az) {
    for (const int node : {az, az + 3}) cluster.way(node).Cut();
    cluster.SetStatus({az, az + 3}, pb::NODE_DOWN);
    for (const auto& [blob, seed] : acknowledged) {
      REQUIRE(cluster.Read(blob).value() == TestBytes(blob.length, seed));
    }
    for (const int node : {az, az + 3}) cluster.way(node).Release();
    cluster.SetStatus({az, az + 3}, pb::NODE_UP);
  }
}

}  // namespace openefs::datastore
