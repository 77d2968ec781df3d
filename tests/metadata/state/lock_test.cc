#include <catch2/catch.hpp>
#include <random>

#include "metadata/state/limits.h"
#include "metadata/store/keys.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

constexpr uint64_t kToEnd = ~uint64_t{0};

pb::Operation OfFile(pb::Operation::KindCase kind, const pb::Stateid& stateid) {
  pb::Operation operation;
  if (kind == pb::Operation::kFreeStateid) {
    *operation.mutable_free_stateid()->mutable_stateid() = stateid;
  } else {
    *operation.mutable_test_stateid()->add_stateids() = stateid;
  }
  return operation;
}
pb::Operation FreeStateid(const pb::Stateid& stateid) {
  return OfFile(pb::Operation::kFreeStateid, stateid);
}
pb::Operation TestStateid(const pb::Stateid& stateid) {
  return OfFile(pb::Operation::kTestStateid, stateid);
}

TEST_CASE("two clients exclude each other") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  const pb::Stateid open1 = one.MustOpen("f");
  const pb::Stateid open2 = two.MustOpen("f");
  const pb::OperationResult locked = one.Last({Lookup("f"), LockNew(open1, "p", true, 10, 20)});
  REQUIRE(locked.error() == pb::FS_OK);
  CHECK(locked.stateid().seqid() == 1);

  const pb::OperationResult denied = two.Last({Lookup("f"), LockNew(open2, "p", false, 0, 11)});
  REQUIRE(denied.error() == pb::FS_DENIED);
  CHECK(denied.conflict().range().offset() == 10);
  CHECK(denied.conflict().range().length() == 20);
  CHECK(denied.conflict().exclusive());
  CHECK(denied.conflict().owner().client_id() == one.id());
  CHECK(denied.conflict().owner().owner() == "p");
  CHECK(two.Last({Lookup("f"), TestLock("p", false, 0, 11)}).error() == pb::FS_DENIED);
  CHECK(two.Last({Lookup("f"), TestLock("p", true, 0, 10)}).error() == pb::FS_OK);
  CHECK(two.Last({Lookup("f"), TestLock("p", true, 30, kToEnd)}).error() == pb::FS_OK);
  CHECK(one.Last({Lookup("f"), TestLock("p", true, 0, kToEnd)}).error() == pb::FS_OK);

  const pb::OperationResult unlocked = one.Last({Lookup("f"), Unlock(locked.stateid(), 0, kToEnd)});
  REQUIRE(unlocked.error() == pb::FS_OK);
  CHECK(unlocked.stateid().seqid() == 2);
  CHECK(two.Last({Lookup("f"), LockNew(open2, "p", true, 0, kToEnd)}).error() == pb::FS_OK);
}

TEST_CASE("readers share, and an upgrade waits for the other reader") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  const pb::Stateid open1 = one.MustOpen("f");
  const pb::Stateid open2 = two.MustOpen("f");
  const pb::Stateid lock1 = one.Last({Lookup("f"), LockNew(open1, "p", false, 0, 10)}).stateid();
  const pb::Stateid lock2 = two.Last({Lookup("f"), LockNew(open2, "p", false, 0, 10)}).stateid();
  CHECK(one.Last({Lookup("f"), LockMore(lock1, true, 0, 10)}).error() == pb::FS_DENIED);
  // Refused, it still holds what it had.
  CHECK(two.Last({Lookup("f"), TestLock("p", true, 0, 10)}).error() == pb::FS_DENIED);
  REQUIRE(two.Last({Lookup("f"), Unlock(lock2, 0, 10)}).error() == pb::FS_OK);
  const pb::OperationResult upgraded = one.Last({Lookup("f"), LockMore(lock1, true, 0, 10)});
  REQUIRE(upgraded.error() == pb::FS_OK);
  CHECK(two.Last({Lookup("f"), TestLock("p", false, 9, 1)}).error() == pb::FS_DENIED);
  // Downgrading the middle leaves the ends exclusive.
  REQUIRE(one.Last({Lookup("f"), LockMore(upgraded.stateid(), false, 4, 2)}).error() == pb::FS_OK);
  CHECK(two.Last({Lookup("f"), TestLock("p", false, 4, 2)}).error() == pb::FS_OK);
  CHECK(two.Last({Lookup("f"), TestLock("p", false, 3, 1)}).error() == pb::FS_DENIED);
}

TEST_CASE("an owner has one lock state on a file, however it introduces itself") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid open = client.MustOpen("f");
  const pb::Stateid first = client.Last({Lookup("f"), LockNew(open, "p", true, 0, 1)}).stateid();
  const pb::Stateid again = client.Last({Lookup("f"), LockNew(open, "p", true, 5, 1)}).stateid();
  CHECK(again.other() == first.other());
  CHECK(again.seqid() == 2);
  CHECK(client.Last({Lookup("f"), LockMore(first, true, 9, 1)}).error() == pb::FS_OLD_STATEID);
  const pb::Stateid other = client.Last({Lookup("f"), LockNew(open, "q", true, 7, 1)}).stateid();
  CHECK(other.other() != first.other());
}

TEST_CASE("what a lock must be") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid reading = client.MustOpen("r", 1);
  const pb::Stateid writing = client.MustOpen("w", 2);
  CHECK(client.Last({Lookup("r"), LockNew(reading, "p", true, 0, 1)}).error() == pb::FS_OPENMODE);
  CHECK(client.Last({Lookup("w"), LockNew(writing, "p", false, 0, 1)}).error() == pb::FS_OPENMODE);
  CHECK(client.Last({Lookup("r"), LockNew(reading, "p", false, 0, 0)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Lookup("r"), LockNew(reading, "p", false, 2, kToEnd - 1)}).error() ==
        pb::FS_OK);
  CHECK(client.Last({Lookup("r"), LockNew(reading, "p", false, 3, kToEnd - 1)}).error() ==
        pb::FS_INVAL);
  CHECK(client.Last({Lookup("w"), LockNew(reading, "p", false, 0, 1)}).error() ==
        pb::FS_BAD_STATEID);
  CHECK(client.Last({LockNew(reading, "p", false, 0, 1)}).error() == pb::FS_BAD_STATEID);
  CHECK(client.Last({TestLock("p", false, 0, 1)}).error() == pb::FS_ISDIR);
  CHECK(
      client
          .Last({Lookup("r"), LockNew(reading, std::string(kMaxOwnerBytes + 1, 'p'), false, 0, 1)})
          .error() == pb::FS_INVAL);
  pb::Operation reclaim = LockNew(reading, "p", false, 0, 1);
  reclaim.mutable_lock()->set_reclaim(true);
  CHECK(client.Last({Lookup("r"), reclaim}).error() == pb::FS_NO_GRACE);
  // A denied or malformed first lock leaves no lock state behind.
  const size_t before = group.CountKeys(0, static_cast<uint8_t>(KeyTag::kState));
  CHECK(client.Last({Lookup("w"), LockNew(writing, "z", true, 0, 0)}).error() == pb::FS_INVAL);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kState)) == before);
}

TEST_CASE("FREE_STATEID and TEST_STATEID") {
  TestGroup group;
  TestClient client(&group, "c");
  TestClient other(&group, "c2");
  const pb::Stateid open = client.MustOpen("f");
  const pb::Stateid lock = client.Last({Lookup("f"), LockNew(open, "p", true, 0, 1)}).stateid();
  CHECK(client.Last({FreeStateid(open)}).error() == pb::FS_LOCKS_HELD);
  CHECK(client.Last({FreeStateid(lock)}).error() == pb::FS_LOCKS_HELD);
  CHECK(other.Last({FreeStateid(lock)}).error() == pb::FS_BAD_STATEID);
  const pb::Stateid unlocked = client.Last({Lookup("f"), Unlock(lock, 0, 1)}).stateid();
  CHECK(client.Last({FreeStateid(lock)}).error() == pb::FS_OLD_STATEID);
  CHECK(client.Last({TestStateid(lock)}).test_stateid().errors(0) == pb::FS_OLD_STATEID);
  CHECK(client.Last({TestStateid(unlocked)}).test_stateid().errors(0) == pb::FS_OK);
  REQUIRE(client.Last({FreeStateid(unlocked)}).error() == pb::FS_OK);
  CHECK(client.Last({FreeStateid(unlocked)}).error() == pb::FS_BAD_STATEID);
  CHECK(client.Last({TestStateid(unlocked)}).test_stateid().errors(0) == pb::FS_BAD_STATEID);
  CHECK(client.Last({TestStateid(open)}).test_stateid().errors(0) == pb::FS_OK);
  CHECK(client.Last({TestStateid(pb::Stateid())}).test_stateid().errors(0) == pb::FS_BAD_STATEID);
}

TEST_CASE("the limits of ranges") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid open = client.MustOpen("f");
  pb::Stateid lock = client.Last({Lookup("f"), LockNew(open, "p", true, 0, 1)}).stateid();
  group.SetUsage(client.id(), 2, kMaxLockRangesPerClient);
  CHECK(client.Last({Lookup("f"), LockMore(lock, true, 5, 1)}).error() == pb::FS_DQUOT);
  CHECK(client.Last({Lookup("f"), LockMore(lock, true, 1, 1)}).error() == pb::FS_OK);  // it grows
}

TEST_CASE("locks at random agree with a map of bytes, through the store") {
  constexpr uint64_t kBytes = 16;
  constexpr int kOwners = 3;
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    TestGroup group;
    TestClient one(&group, "c1");
    TestClient two(&group, "c2");
    TestClient* clients[kOwners] = {&one, &one, &two};
    pb::Stateid opens[kOwners];
    pb::Stateid locks[kOwners];
    int model[kOwners][kBytes] = {};  // 0 free, 1 shared, 2 exclusive
    for (int i = 0; i < kOwners; ++i) opens[i] = clients[i]->MustOpen("f", 3, std::to_string(i));
    for (int step = 0; step < 150; ++step) {
      const int who = static_cast<int>(random() % kOwners);
      const uint64_t start = random() % kBytes;
      const uint64_t end = start + random() % (kBytes - start);
      const int want = static_cast<int>(random() % 3);
      const uint64_t length = end == kBytes - 1 ? kToEnd : end - start + 1;
      bool conflict = false;
      for (int other = 0; other < kOwners; ++other) {
        for (uint64_t i = start; other != who && i <= end; ++i) {
          conflict |= model[other][i] + want > 2 && model[other][i] != 0 && want != 0;
        }
      }
      const bool known = !locks[who].other().empty();
      if (want == 0 && !known) continue;
      pb::Operation operation =
          want == 0 ? Unlock(locks[who], start, length)
          : known   ? LockMore(locks[who], want == 2, start, length)
                    : LockNew(opens[who], std::to_string(who), want == 2, start, length);
      const pb::OperationResult result = clients[who]->Last({Lookup("f"), operation});
      REQUIRE(result.error() == (conflict ? pb::FS_DENIED : pb::FS_OK));
      if (conflict) continue;
      locks[who] = result.stateid();
      for (uint64_t i = start; i <= end; ++i) model[who][i] = want;
    }
    for (int i = 0; i < kOwners; ++i) {
      REQUIRE(clients[i]->Last({Lookup("f"), Close(opens[i])}).error() == pb::FS_OK);
    }
    CHECK(group.CountKeys(kFs, static_cast<uint8_t>(KeyTag::kLockRange)) == 0);
  }
}

}  // namespace
}  // namespace openefs::metadata::testing
