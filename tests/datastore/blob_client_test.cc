#include <bit>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "tests/datastore/test_cluster.h"

namespace openefs::datastore {
namespace {

// AZ of node i is i % 3.
constexpr int kSameAzAs0 = 3;

}  // namespace

TEST_CASE("a blob is read back, whole and any part of it") {
  for (const CodeSpec& spec : kCodeTable) {
    TestCluster cluster({.code = spec.code});
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
  TestCluster cluster({});
  const std::string bytes = TestBytes(1 << 20, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, 0x3f);
  CHECK(cluster.Read(blob, 400'000, 4096).value() == bytes.substr(400'000, 4096));
  CHECK(cluster.way(0).gets() == 0);
  CHECK(cluster.way(1).gets() == 1);
  CHECK(cluster.way(1).got_bytes() == 4096);
  for (int i = 2; i < 6; ++i) CHECK(cluster.way(i).gets() == 0);
}

TEST_CASE("a blob survives any three fragments missing, and no four") {
  TestCluster cluster({});
  const std::string bytes = TestBytes(300'000, 1);
  for (uint32_t missing = 1; missing < 64; ++missing) {
    if (std::popcount(missing) > 4) continue;
    const WrittenBlob blob = cluster.Write(bytes).value();
    cluster.AwaitDurable(blob.id, 0x3f);
    for (int i = 0; i < 6; ++i) {
      if (missing >> i & 1) {
        REQUIRE(Delete(cluster.node(i), {{blob.id, static_cast<uint32_t>(i)}}).ok());
      }
    }
    INFO("missing " << missing);
    if (std::popcount(missing) <= 3) {
      REQUIRE(cluster.Read(blob).value() == bytes);
      REQUIRE(cluster.Read(blob, 99'990, 20).value() == bytes.substr(99'990, 20));
      REQUIRE(cluster.Read(blob, 250'000, 5000).value() == bytes.substr(250'000, 5000));
    } else if (missing % 8 != 0) {  // a data fragment is among them
      REQUIRE(absl::IsDataLoss(cluster.Read(blob).status()));
    } else {
      REQUIRE(cluster.Read(blob).value() == bytes);
    }
  }
}

TEST_CASE("corrupt fragments are read around and repaired") {
  TestCluster cluster({});
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob blob = cluster.Write(bytes).value();
  cluster.AwaitDurable(blob.id, 0x3f);
  for (const uint32_t i : {0u, 2u, 4u}) cluster.Corrupt(blob.id, i, blob.length);
  CHECK(cluster.Read(blob).value() == bytes);
  CHECK(cluster.Repair(blob, 0x3f).value() == 0x3f);
  for (const uint32_t i : {1u, 3u, 5u}) {
    REQUIRE(Delete(cluster.node(static_cast<int>(i)), {{blob.id, i}}).ok());
  }
  CHECK(cluster.Read(blob).value() == bytes);
}

TEST_CASE("acknowledged means five of six fragments") {
  TestCluster cluster({.client = {.patience_ms = 20'000, .hedge_ms = 50}});
  cluster.way(2).Hang();
  const WrittenBlob blob = cluster.Write(TestBytes(300'000, 1)).value();
  CHECK(blob.missing_mask == 1u << 2);
  CHECK(cluster.Durable(blob.id) == 0x3b);
  CHECK(cluster.Read(blob).value() == TestBytes(300'000, 1));
}

TEST_CASE("two nodes dead but not yet down in the map: the write waits for the map") {
  TestCluster cluster({});
  Awaited<absl::StatusOr<WrittenBlob>> done;
  cluster.Kill(1);
  cluster.Kill(5);
  cluster.client().Write({Buffer::Copy(TestBytes(300'000, 1))}, done.Callback());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
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
  CHECK(cluster.Durable(blob.id) == 0x3f);
}

TEST_CASE("with an AZ gone, writes and reads go on; with one node more, writes wait for it") {
  TestCluster cluster({});
  const std::string bytes = TestBytes(300'000, 1);
  const WrittenBlob before = cluster.Write(bytes).value();
  cluster.AwaitDurable(before.id, 0x3f);
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
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_FALSE(waiting.Ready());

  cluster.Restart(1);
  cluster.SetStatus(1, pb::NODE_UP);
  const WrittenBlob after = waiting.Get().value();
  CHECK(cluster.Read(after).value() == bytes);
  CHECK(cluster.Durable(after.id) == 0x36);
}

TEST_CASE("a write that never gets enough nodes ends with UNAVAILABLE") {
  TestCluster cluster({.client = {.patience_ms = 50, .hedge_ms = 1000}});
  for (int i = 0; i < 3; ++i) cluster.way(i).Cut();
  cluster.SetStatus({0, 1, 2}, pb::NODE_DOWN);
  CHECK(absl::IsUnavailable(cluster.Write("too few").status()));
}

TEST_CASE("a read of too few fragments is UNAVAILABLE while they may come back") {
  TestCluster cluster({.client = {.patience_ms = 50, .hedge_ms = 1000}});
  const WrittenBlob blob = cluster.Write(TestBytes(100'000, 1)).value();
  cluster.AwaitDurable(blob.id, 0x3f);
  for (int i = 0; i < 4; ++i) cluster.way(i).Cut();
  CHECK(absl::IsUnavailable(cluster.Read(blob).status()));
  cluster.SetStatus({0, 1, 2, 3}, pb::NODE_GONE);
  CHECK(absl::IsDataLoss(cluster.Read(blob).status()));
}

}  // namespace openefs::datastore
