// EXCHANGE_ID, CREATE_SESSION and what ends them: the cases of RFC 8881 18.35
// to 18.37, 18.50, 18.51.
#include <catch2/catch.hpp>

#include "metadata/state/client_id.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

pb::Operation DestroyClientId(uint64_t client_id) {
  pb::Operation operation;
  operation.mutable_destroy_client_id()->set_client_id(client_id);
  return operation;
}

pb::Operation GetSession(const std::string& session_id) {
  pb::Operation operation;
  operation.mutable_get_session()->set_session_id(session_id);
  return operation;
}

TEST_CASE("a new owner gets a client id that a session confirms") {
  TestGroup group;
  const pb::OperationResult made = group.Run({ExchangeId("owner", 1)});
  REQUIRE(made.error() == pb::FS_OK);
  CHECK_FALSE(made.exchange_id().confirmed());
  const uint64_t id = made.exchange_id().client_id();
  CHECK(GroupOfClient(id) == group.group());

  // Not confirmed yet: asking again gives another id, and the first is forgotten (case 4).
  const pb::OperationResult other = group.Run({ExchangeId("owner", 1)});
  CHECK(other.exchange_id().client_id() != id);
  CHECK(group.Run({CreateSession(id, 1)}).error() == pb::FS_STALE_CLIENTID);

  const uint64_t second = other.exchange_id().client_id();
  const pb::OperationResult session = group.Run({CreateSession(second, 1)});
  REQUIRE(session.error() == pb::FS_OK);
  CHECK(session.create_session().flags() == 0);  // PERSIST is not granted
  CHECK(ClientOfSession(session.create_session().session_id()) == second);

  const pb::OperationResult probe = group.Run({ExchangeId("owner", 1)});  // case 2
  CHECK(probe.exchange_id().client_id() == second);
  CHECK(probe.exchange_id().confirmed());
  CHECK(probe.exchange_id().sequence_id() == 2);
}

TEST_CASE("CREATE_SESSION is done once for each csa_sequence") {
  TestGroup group;
  const uint64_t id = group.Run({ExchangeId("owner", 1)}).exchange_id().client_id();
  CHECK(group.Run({CreateSession(id, 0)}).error() == pb::FS_SEQ_MISORDERED);
  CHECK(group.Run({CreateSession(id, 2)}).error() == pb::FS_SEQ_MISORDERED);
  const pb::OperationResult first = group.Run({CreateSession(id, 1)});
  const pb::OperationResult replay = group.Run({CreateSession(id, 1)});
  CHECK(first.SerializeAsString() == replay.SerializeAsString());
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kSession)) == 1);
  const pb::OperationResult second = group.Run({CreateSession(id, 2)});
  REQUIRE(second.error() == pb::FS_OK);
  CHECK(second.create_session().session_id() != first.create_session().session_id());
  CHECK(group.Run({CreateSession(id, 1)}).error() == pb::FS_SEQ_MISORDERED);
  CHECK(group.Run({CreateSession(id + 1, 1)}).error() == pb::FS_STALE_CLIENTID);
  pb::Operation greedy = CreateSession(id, 3);
  greedy.mutable_create_session()->mutable_fore_channel()->set_max_requests(65);
  CHECK(group.Run({greedy}).error() == pb::FS_INVAL);
}

TEST_CASE("sessions of a client are limited, and the refusal is replayed too") {
  TestGroup group;
  const uint64_t id = group.Run({ExchangeId("owner", 1)}).exchange_id().client_id();
  std::string session;
  for (uint32_t i = 1; i <= kMaxSessionsPerClient; ++i) {
    const pb::OperationResult made = group.Run({CreateSession(id, i)});
    REQUIRE(made.error() == pb::FS_OK);
    session = made.create_session().session_id();
  }
  const uint32_t next = kMaxSessionsPerClient + 1;
  CHECK(group.Run({CreateSession(id, next)}).error() == pb::FS_NOSPC);
  REQUIRE(group.Run({DestroySession(session)}).error() == pb::FS_OK);
  CHECK(group.Run({CreateSession(id, next)}).error() == pb::FS_NOSPC);
  CHECK(group.Run({CreateSession(id, next + 1)}).error() == pb::FS_OK);
}

TEST_CASE("a client that restarted gets rid of its old self when it is confirmed") {
  TestGroup group;
  TestClient before(&group, "owner", 1);
  TestClient reader(&group, "reader");
  before.MustOpen("f", 3, "o", 3);
  const pb::OperationResult made = group.Run({ExchangeId("owner", 2)});  // case 5
  REQUIRE(made.error() == pb::FS_OK);
  CHECK_FALSE(made.exchange_id().confirmed());
  CHECK(made.exchange_id().client_id() != before.id());
  // A boot that never gets further takes nothing from the old one.
  CHECK(before.Last({Lookup("f")}).error() == pb::FS_OK);
  CHECK(reader.Last({Open("f", 1, "o")}).error() == pb::FS_SHARE_DENIED);
  REQUIRE(group.Run({CreateSession(made.exchange_id().client_id(), 1)}).error() == pb::FS_OK);
  CHECK(before.Last({Lookup("f")}).error() == pb::FS_BADSESSION);
  CHECK(reader.Last({Open("f", 1, "o")}).error() == pb::FS_OK);
  CHECK(group.Run({ExchangeId("owner", 2)}).exchange_id().confirmed());
}

TEST_CASE("another principal takes an owner's name only if nothing is lost") {
  TestGroup group;
  TestClient first(&group, "owner", 1, 1000);
  const pb::Stateid open = first.MustOpen("f");
  CHECK(group.Run({ExchangeId("owner", 1)}, 2000).error() == pb::FS_CLID_INUSE);  // case 3
  group.lapsed = {first.id()};
  CHECK(group.Run({ExchangeId("owner", 1)}, 2000).error() == pb::FS_OK);
  group.lapsed = {};
  CHECK(first.Last({Lookup("f"), Close(open)}).error() == pb::FS_BADSESSION);

  TestClient idle(&group, "idle", 1, 1000);
  CHECK(group.Run({ExchangeId("idle", 1)}, 2000).error() == pb::FS_OK);
}

TEST_CASE("a client id is confirmed by whoever got it") {
  TestGroup group;
  const uint64_t id = group.Run({ExchangeId("owner", 1)}, 1000).exchange_id().client_id();
  CHECK(group.Run({CreateSession(id, 1)}, 2000).error() == pb::FS_CLID_INUSE);
  CHECK(group.Run({CreateSession(id, 1)}, 1000).error() == pb::FS_OK);
}

TEST_CASE("updates, cases 6 to 9") {
  TestGroup group;
  CHECK(group.Run({ExchangeId("owner", 1, true)}, 1000).error() == pb::FS_NOENT);
  TestClient client(&group, "owner", 1, 1000);
  const pb::OperationResult updated = group.Run({ExchangeId("owner", 1, true)}, 1000);
  REQUIRE(updated.error() == pb::FS_OK);
  CHECK(updated.exchange_id().client_id() == client.id());
  CHECK(updated.exchange_id().confirmed());
  CHECK(group.Run({ExchangeId("owner", 2, true)}, 1000).error() == pb::FS_NOT_SAME);
  CHECK(group.Run({ExchangeId("owner", 1, true)}, 2000).error() == pb::FS_PERM);
  CHECK(group.Run({ExchangeId("", 1)}).error() == pb::FS_INVAL);
  CHECK(group.Run({ExchangeId(std::string(kMaxOwnerBytes + 1, 'x'), 1)}).error() == pb::FS_INVAL);
}

TEST_CASE("a session ends with its slots, and then its requests are refused") {
  TestGroup group;
  TestClient client(&group, "c");
  TestClient other(&group, "c2");
  client.MustOpen("f");
  CHECK(group.Run({GetSession(client.session())}).session().client_id() == client.id());
  CHECK(other.Last({DestroySession(client.session())}).error() == pb::FS_BADSESSION);
  // Inside its own session, as the last thing it does.
  CHECK(client.Last({DestroySession(client.session())}).error() == pb::FS_OK);
  CHECK(group.CountKeys(0, static_cast<uint8_t>(KeyTag::kSlot)) == 1);  // of the other one
  CHECK(client.Last({Lookup("f")}).error() == pb::FS_BADSESSION);
  CHECK(group.Run({DestroySession(client.session())}).error() == pb::FS_BADSESSION);
  CHECK(group.Run({DestroySession("short")}).error() == pb::FS_BADSESSION);
  CHECK(group.Run({GetSession(client.session())}).error() == pb::FS_BADSESSION);
}

TEST_CASE("DESTROY_CLIENTID wants a client without sessions and state") {
  TestGroup group;
  TestClient client(&group, "c");
  CHECK(group.Run({DestroyClientId(client.id())}).error() == pb::FS_CLIENTID_BUSY);
  const pb::Stateid open = client.MustOpen("f");
  REQUIRE(group.Run({DestroySession(client.session())}).error() == pb::FS_OK);
  CHECK(group.Run({DestroyClientId(client.id())}).error() == pb::FS_CLIENTID_BUSY);
  pb::Operation expire;
  expire.mutable_expire_client()->set_client_id(client.id());
  REQUIRE(group.Run({expire}).error() == pb::FS_OK);
  CHECK(group.Run({DestroyClientId(client.id())}).error() == pb::FS_STALE_CLIENTID);

  TestClient idle(&group, "idle");
  REQUIRE(group.Run({DestroySession(idle.session())}).error() == pb::FS_OK);
  CHECK(group.Run({DestroyClientId(idle.id())}).error() == pb::FS_OK);
  CHECK(group.Run({DestroyClientId(idle.id())}).error() == pb::FS_STALE_CLIENTID);
}

TEST_CASE("RECLAIM_COMPLETE is said once") {
  TestGroup group;
  TestClient client(&group, "c");
  pb::Operation complete;
  complete.mutable_reclaim_complete();
  pb::Operation one_fs;
  one_fs.mutable_reclaim_complete()->set_one_fs(true);
  CHECK(client.Last({one_fs}).error() == pb::FS_OK);
  CHECK(client.Last({complete}).error() == pb::FS_OK);
  CHECK(client.Last({one_fs}).error() == pb::FS_OK);
  CHECK(client.Last({complete}).error() == pb::FS_COMPLETE_ALREADY);
  CHECK(group.Run({GetSession(client.session())}).session().reclaim_complete());
}

TEST_CASE("a full table of clients makes room only among the lapsed") {
  TestGroup group;
  TestClient client(&group, "c");
  group.SetClientCount(kMaxClients);
  CHECK(group.Run({ExchangeId("new", 1)}).error() == pb::FS_DELAY);
  group.lapsed = {client.id(), 12345};
  CHECK(group.Run({ExchangeId("new", 1)}).error() == pb::FS_OK);
  CHECK(group.Run({GetSession(client.session())}).error() == pb::FS_BADSESSION);
  CHECK(group.Run({ExchangeId("newer", 1)}).error() == pb::FS_DELAY);
}

TEST_CASE("replicas that apply the same entries are byte for byte the same") {
  auto run = [] {
    TestGroup group;
    TestClient one(&group, "c1");
    TestClient two(&group, "c2");
    const pb::Stateid open = one.MustOpen("f", 3, "o", 2);
    (void)one.Last({Lookup("f"), LockNew(open, "p", true, 0, 10)});
    group.lapsed = {one.id(), two.id()};
    (void)two.Last({Open("f", 2, "o")});
    return group.Contents();
  };
  CHECK(run() == run());
}

}  // namespace
}  // namespace openefs::metadata::testing
