// What becomes of a client whose lease ran out: nothing, until somebody wants what it holds.
#include <catch2/catch.hpp>

#include "metadata/store/keys.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

size_t States(TestGroup& group) { return group.CountKeys(0, static_cast<uint8_t>(KeyTag::kState)); }

TEST_CASE("a lapsed client keeps its state while nobody is in conflict with it") {
  TestGroup group;
  TestClient silent(&group, "silent");
  TestClient live(&group, "live");
  const pb::Stateid open = silent.MustOpen("f");
  const pb::Stateid lock = silent.Last({Lookup("f"), LockNew(open, "p", true, 0, 10)}).stateid();
  group.lapsed = {silent.id()};
  const pb::Stateid mine = live.MustOpen("f");
  CHECK(live.Last({Lookup("f"), LockNew(mine, "p", true, 10, 10)}).error() == pb::FS_OK);
  // It comes back and goes on as if nothing had been.
  CHECK(silent.Last({Lookup("f"), Unlock(lock, 0, 10)}).error() == pb::FS_OK);
}

TEST_CASE("a lock in the way of a live client ends the lapsed one") {
  TestGroup group;
  TestClient silent(&group, "silent");
  TestClient live(&group, "live");
  const pb::Stateid open = silent.MustOpen("f");
  silent.MustOpen("gone");
  const pb::FileRef orphan = silent.Last({Lookup("gone"), GetFile()}).file();
  REQUIRE(live.Last({Remove("gone")}).error() == pb::FS_OK);
  REQUIRE(silent.Last({Lookup("f"), LockNew(open, "p", true, 0, 10)}).error() == pb::FS_OK);
  const pb::Stateid mine = live.MustOpen("f");
  CHECK(live.Last({Lookup("f"), LockNew(mine, "p", true, 5, 1)}).error() == pb::FS_DENIED);

  group.lapsed = {silent.id()};
  CHECK(live.Last({Lookup("f"), TestLock("p", true, 5, 1)}).error() == pb::FS_OK);
  CHECK(live.Last({Lookup("f"), LockNew(mine, "p", true, 5, 1)}).error() == pb::FS_OK);
  group.lapsed = {};
  CHECK(silent.Last({Lookup("f")}).error() == pb::FS_BADSESSION);
  CHECK(States(group) == 2);                                    // the live one's open and lock
  CHECK(live.Last({PutFile(orphan)}).error() == pb::FS_STALE);  // its unlinked file went with it
  CHECK(group.Run({CreateSession(silent.id(), 2)}).error() == pb::FS_STALE_CLIENTID);
}

TEST_CASE("a share reservation yields in the same way") {
  TestGroup group;
  TestClient silent(&group, "silent");
  TestClient live(&group, "live");
  silent.MustOpen("f", 1, "o", 3);
  CHECK(live.Last({Open("f", 1, "o")}).error() == pb::FS_SHARE_DENIED);
  group.lapsed = {silent.id()};
  CHECK(live.Last({Open("f", 1, "o")}).error() == pb::FS_OK);
  CHECK(silent.Last({Lookup("f")}).error() == pb::FS_BADSESSION);
}

TEST_CASE("nobody yields to itself, and a live holder still refuses") {
  TestGroup group;
  TestClient one(&group, "one");
  TestClient two(&group, "two");
  TestClient three(&group, "three");
  const pb::Stateid a = one.MustOpen("f");
  const pb::Stateid b = two.MustOpen("f");
  const pb::Stateid c = three.MustOpen("f");
  REQUIRE(one.Last({Lookup("f"), LockNew(a, "p", true, 0, 5)}).error() == pb::FS_OK);
  REQUIRE(two.Last({Lookup("f"), LockNew(b, "p", true, 5, 5)}).error() == pb::FS_OK);
  // The asker is on the list itself: its request shows that it lives.
  group.lapsed = {one.id(), three.id()};
  const pb::OperationResult denied = three.Last({Lookup("f"), LockNew(c, "p", true, 0, 10)});
  REQUIRE(denied.error() == pb::FS_DENIED);
  CHECK(denied.conflict().owner().client_id() == two.id());
  CHECK(three.Last({Lookup("f"), TestLock("p", true, 0, 5)}).error() == pb::FS_OK);
}

TEST_CASE("EXPIRE_CLIENT leaves nothing of a client") {
  TestGroup group;
  const auto before = group.Contents().size();
  auto client = std::make_unique<TestClient>(&group, "c");
  const pb::Stateid open = client->MustOpen("f", 3, "o", 1);
  REQUIRE(client->Last({Lookup("f"), LockNew(open, "p", true, 0, 5)}).error() == pb::FS_OK);
  REQUIRE(client->Last({Remove("f")}).error() == pb::FS_OK);
  pb::Operation expire;
  expire.mutable_expire_client()->set_client_id(client->id());
  REQUIRE(group.Run({expire}).error() == pb::FS_OK);
  REQUIRE(group.Run({expire}).error() == pb::FS_OK);
  // What stays are counters: of clients, states, inodes, and the number of clients.
  CHECK(group.Contents().size() <= before + 4);
  CHECK(States(group) == 0);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kSlot)) == 0);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kSession)) == 0);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kSessionByClient)) == 0);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kClientByOwner)) == 0);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kClientUsage)) == 0);
  CHECK(group.CountKeys(kFs, static_cast<uint8_t>(KeyTag::kOrphan)) == 0);
}

}  // namespace
}  // namespace openefs::metadata::testing
