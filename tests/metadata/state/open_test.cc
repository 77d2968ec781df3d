#include <catch2/catch.hpp>

#include "metadata/state/limits.h"
#include "metadata/state/stateid.h"
#include "metadata/store/keys.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

constexpr uint32_t kRead = 1;
constexpr uint32_t kWrite = 2;
constexpr uint32_t kBoth = 3;

pb::Operation WithSize(pb::Operation open, uint64_t size) {
  open.mutable_open()->mutable_attributes()->set_size(size);
  return open;
}

pb::Operation Exclusive(const std::string& name, uint64_t verifier) {
  pb::Operation operation = Open(name, kBoth, "o", pb::Open::EXCLUSIVE);
  operation.mutable_open()->set_verifier(verifier);
  return operation;
}

pb::Operation OpenCurrent(uint32_t access, const std::string& owner) {
  pb::Operation operation = Open("", access, owner);
  operation.mutable_open()->set_claim(pb::Open::CURRENT_FILE);
  return operation;
}

pb::Operation Write(const pb::Stateid& stateid, const std::string& data) {
  pb::Operation operation;
  *operation.mutable_write_commit()->mutable_stateid() = stateid;
  operation.mutable_write_commit()->set_length(static_cast<uint32_t>(data.size()));
  operation.mutable_write_commit()->set_inline_data(data);
  return operation;
}

pb::Operation Read(const pb::Stateid& stateid) {
  pb::Operation operation;
  *operation.mutable_read_plan()->mutable_stateid() = stateid;
  operation.mutable_read_plan()->set_count(100);
  return operation;
}

pb::Operation GetAttr() {
  pb::Operation operation;
  operation.mutable_get_attr();
  return operation;
}

pb::Stateid Current() {
  pb::Stateid stateid;
  stateid.set_seqid(1);
  stateid.set_other(std::string(12, '\0'));
  return stateid;
}

TEST_CASE("OPEN makes a file, and opening again adds to the same state") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::OperationResult made = client.Last({Open("f", kRead, "o", pb::Open::GUARDED)});
  REQUIRE(made.error() == pb::FS_OK);
  CHECK(made.open().created());
  CHECK(made.open().change().after() > made.open().change().before());
  CHECK(made.open().stateid().seqid() == 1);

  const pb::OperationResult again = client.Last({Open("f", kWrite, "o")});
  REQUIRE(again.error() == pb::FS_OK);
  CHECK_FALSE(again.open().created());
  CHECK(again.open().change().after() == again.open().change().before());
  CHECK(again.open().stateid().other() == made.open().stateid().other());
  CHECK(again.open().stateid().seqid() == 2);
  CHECK(client.Last({Lookup("f"), Write(again.open().stateid(), "x")}).error() == pb::FS_OK);

  const pb::OperationResult other = client.Last({Open("f", kRead, "another")});
  CHECK(other.open().stateid().other() != made.open().stateid().other());
}

TEST_CASE("the ways to create") {
  TestGroup group;
  TestClient client(&group, "c");
  CHECK(client.Last({Open("f", kRead, "o")}).error() == pb::FS_NOENT);
  client.MustOpen("f");
  CHECK(client.Last({Open("f", kRead, "o", pb::Open::GUARDED)}).error() == pb::FS_EXIST);
  CHECK(client.Last({Open("f", kRead, "o", pb::Open::UNCHECKED)}).error() == pb::FS_OK);
  CHECK(client.Last({Exclusive("f", 5)}).error() == pb::FS_EXIST);

  const pb::OperationResult first = client.Last({Exclusive("e", 5), GetAttr()});
  REQUIRE(first.error() == pb::FS_OK);
  CHECK(first.attributes().mode() == 0644);  // EXCLUSIVE4_1 sets attributes at once
  const pb::OperationResult retry = client.Last({Exclusive("e", 5)});
  REQUIRE(retry.error() == pb::FS_OK);
  CHECK(retry.open().created());
  CHECK(client.Last({Exclusive("e", 6)}).error() == pb::FS_EXIST);
  CHECK(client.Last({Exclusive("f", 0)}).error() == pb::FS_EXIST);  // no verifier matches none
}

TEST_CASE("an existing file is emptied only by UNCHECKED with size 0") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid stateid = client.MustOpen("f");
  REQUIRE(client.Last({Lookup("f"), Write(stateid, "hello")}).error() == pb::FS_OK);
  auto size = [&] { return client.Last({Lookup("f"), GetAttr()}).attributes().size(); };
  (void)client.Last({WithSize(Open("f", kBoth, "o", pb::Open::UNCHECKED), 3)});
  CHECK(size() == 5);
  (void)client.Last({WithSize(Open("f", kBoth, "o", pb::Open::GUARDED), 0)});
  CHECK(size() == 5);
  REQUIRE(client.Last({WithSize(Open("f", kBoth, "o", pb::Open::UNCHECKED), 0)}).error() ==
          pb::FS_OK);
  CHECK(size() == 0);
}

TEST_CASE("who may open") {
  TestGroup group;
  TestClient owner(&group, "c1", 1, 1000);
  TestClient other(&group, "c2", 1, 2000);
  // The maker of a file has it open as asked, whatever its mode.
  pb::Operation unwritable = Open("ro", kBoth, "o", pb::Open::GUARDED);
  unwritable.mutable_open()->mutable_attributes()->set_mode(0444);
  const pb::OperationResult made = owner.Last({unwritable});
  REQUIRE(made.error() == pb::FS_OK);
  CHECK(owner.Last({Lookup("ro"), Write(made.open().stateid(), "x")}).error() == pb::FS_OK);
  CHECK(owner.Last({Open("ro", kWrite, "o")}).error() == pb::FS_ACCESS);
  CHECK(other.Last({Open("ro", kRead, "o")}).error() == pb::FS_OK);
  CHECK(other.Last({Open("ro", kBoth, "o")}).error() == pb::FS_ACCESS);

  // Reading what one may only execute is for the client to refuse; emptying needs write permission.
  pb::Operation program = Open("x", kBoth, "o", pb::Open::GUARDED);
  program.mutable_open()->mutable_attributes()->set_mode(0711);
  REQUIRE(owner.Last({program}).error() == pb::FS_OK);
  CHECK(other.Last({Open("x", kRead, "o")}).error() == pb::FS_OK);
  CHECK(other.Last({WithSize(Open("x", kRead, "o", pb::Open::UNCHECKED), 0)}).error() ==
        pb::FS_ACCESS);

  // Making a file needs a directory one may write.
  pb::Operation mkdir;
  mkdir.mutable_create()->set_type(pb::DIRECTORY);
  mkdir.mutable_create()->set_name("d");
  mkdir.mutable_create()->mutable_attributes()->set_mode(0755);
  REQUIRE(owner.Last({mkdir}).error() == pb::FS_OK);
  CHECK(other.Last({Lookup("d"), Open("f", kBoth, "o", pb::Open::GUARDED)}).error() ==
        pb::FS_ACCESS);
  CHECK(owner.Last({Lookup("d"), Open("f", kBoth, "o", pb::Open::GUARDED)}).error() == pb::FS_OK);
}

TEST_CASE("only regular files are opened, and only well-formed requests do it") {
  TestGroup group;
  TestClient client(&group, "c");
  pb::Operation mkdir;
  mkdir.mutable_create()->set_type(pb::DIRECTORY);
  mkdir.mutable_create()->set_name("d");
  REQUIRE(client.Last({mkdir}).error() == pb::FS_OK);
  pb::Operation symlink;
  symlink.mutable_create()->set_type(pb::SYMLINK);
  symlink.mutable_create()->set_name("s");
  symlink.mutable_create()->set_symlink_target("d");
  REQUIRE(client.Last({symlink}).error() == pb::FS_OK);
  pb::Operation fifo;
  fifo.mutable_create()->set_type(pb::FIFO);
  fifo.mutable_create()->set_name("p");
  REQUIRE(client.Last({fifo}).error() == pb::FS_OK);

  CHECK(client.Last({Open("d", kRead, "o")}).error() == pb::FS_ISDIR);
  CHECK(client.Last({Open("s", kRead, "o")}).error() == pb::FS_SYMLINK);
  CHECK(client.Last({Open("p", kRead, "o")}).error() == pb::FS_WRONG_TYPE);
  CHECK(client.Last({Open("f", 0, "o", pb::Open::GUARDED)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Open("f", 4, "o", pb::Open::GUARDED)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Open("f", 1, "o", pb::Open::GUARDED, 4)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Open("f", 1, std::string(kMaxOwnerBytes + 1, 'o'), pb::Open::GUARDED)})
            .error() == pb::FS_INVAL);
  CHECK(client.Last({Open("", 1, "o", pb::Open::GUARDED)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Open("..", 1, "o", pb::Open::GUARDED)}).error() == pb::FS_BADNAME);
  CHECK(client.Last({Open(std::string(256, 'n'), 1, "o", pb::Open::GUARDED)}).error() ==
        pb::FS_NAMETOOLONG);
  // Without a session there is nobody who could hold it.
  CHECK(group.Run({PutRoot(), Open("f", 1, "o", pb::Open::GUARDED)}).error() ==
        pb::FS_STALE_CLIENTID);
}

TEST_CASE("CLAIM_FH opens the current file") {
  TestGroup group;
  TestClient client(&group, "c");
  client.MustOpen("f");
  const pb::OperationResult opened = client.Last({Lookup("f"), OpenCurrent(kRead, "p")});
  REQUIRE(opened.error() == pb::FS_OK);
  CHECK(opened.open().change().before() == opened.open().change().after());
  CHECK(client.Last({OpenCurrent(kRead, "p")}).error() == pb::FS_ISDIR);
  pb::Operation create = OpenCurrent(kRead, "p");
  create.mutable_open()->set_create_mode(pb::Open::UNCHECKED);
  CHECK(client.Last({Lookup("f"), create}).error() == pb::FS_INVAL);
}

TEST_CASE("share reservations") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  one.MustOpen("f", kRead, "o", kWrite);
  CHECK(two.Last({Open("f", kWrite, "o")}).error() == pb::FS_SHARE_DENIED);
  CHECK(two.Last({Open("f", kRead, "o")}).error() == pb::FS_OK);
  CHECK(two.Last({Open("f", kRead, "p", pb::Open::NO_CREATE, kRead)}).error() ==
        pb::FS_SHARE_DENIED);
  CHECK(one.Last({Open("f", kWrite, "p")}).error() == pb::FS_SHARE_DENIED);
  CHECK(one.Last({Open("f", kWrite, "o")}).error() == pb::FS_OK);  // one's own do not count

  // The anonymous stateid stands for no open and so is denied; the bypass one reads on.
  one.MustOpen("g", kRead, "o", kBoth);
  CHECK(two.Last({Lookup("g"), Write(pb::Stateid(), "x")}).error() == pb::FS_SHARE_DENIED);
  CHECK(two.Last({Lookup("g"), Read(pb::Stateid())}).error() == pb::FS_SHARE_DENIED);
  pb::Stateid bypass;
  bypass.set_seqid(~0u);
  bypass.set_other(std::string(12, '\xff'));
  CHECK(two.Last({Lookup("g"), Read(bypass)}).error() == pb::FS_OK);
  CHECK(two.Last({Lookup("g"), Write(bypass, "x")}).error() == pb::FS_SHARE_DENIED);
}

TEST_CASE("OPEN_DOWNGRADE goes back to shares that were opened") {
  TestGroup group;
  TestClient client(&group, "c");
  client.MustOpen("f", kRead);
  const pb::Stateid both = client.MustOpen("f", kWrite);
  CHECK(client.Last({Lookup("f"), Downgrade(both, 0)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Lookup("f"), Downgrade(both, kRead, kRead)}).error() == pb::FS_INVAL);
  const pb::OperationResult down = client.Last({Lookup("f"), Downgrade(both, kRead)});
  REQUIRE(down.error() == pb::FS_OK);
  CHECK(down.stateid().seqid() == both.seqid() + 1);
  CHECK(client.Last({Lookup("f"), Write(down.stateid(), "x")}).error() == pb::FS_OPENMODE);
  CHECK(client.Last({Lookup("f"), Downgrade(down.stateid(), kBoth)}).error() == pb::FS_INVAL);
  CHECK(client.Last({Lookup("f"), Downgrade(both, kRead)}).error() == pb::FS_OLD_STATEID);

  // Opened for both at once, it cannot be taken apart.
  const pb::Stateid whole = client.MustOpen("g", kBoth);
  CHECK(client.Last({Lookup("g"), Downgrade(whole, kRead)}).error() == pb::FS_INVAL);
}

TEST_CASE("a downgrade gives back what it denied") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  one.MustOpen("f", kRead, "o", kWrite);
  const pb::Stateid stateid = one.MustOpen("f", kRead, "o", 0);
  CHECK(two.Last({Open("f", kWrite, "o")}).error() == pb::FS_SHARE_DENIED);
  REQUIRE(one.Last({Lookup("f"), Downgrade(stateid, kRead, 0)}).error() == pb::FS_OK);
  CHECK(two.Last({Open("f", kWrite, "o")}).error() == pb::FS_OK);
}

TEST_CASE("CLOSE ends an open for good") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid stateid = client.MustOpen("f");
  const pb::OperationResult closed = client.Last({Lookup("f"), Close(stateid)});
  REQUIRE(closed.error() == pb::FS_OK);
  CHECK(ParseStateid(closed.stateid()).kind == StateidClass::kInvalid);
  CHECK(client.Last({Lookup("f"), Close(stateid)}).error() == pb::FS_BAD_STATEID);
  CHECK(client.Last({Lookup("f"), Write(stateid, "x")}).error() == pb::FS_BAD_STATEID);
  CHECK(client.Last({Lookup("f"), Close(closed.stateid())}).error() == pb::FS_BAD_STATEID);
  // The next open of the same owner is another state.
  CHECK(client.MustOpen("f").other() != stateid.other());
}

TEST_CASE("stateids are checked against client, file and age") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  const pb::Stateid first = one.MustOpen("f");
  const pb::Stateid second = one.MustOpen("f");
  one.MustOpen("g");
  CHECK(two.Last({Lookup("f"), Close(second)}).error() == pb::FS_BAD_STATEID);
  CHECK(two.Last({Lookup("f"), Write(second, "x")}).error() == pb::FS_BAD_STATEID);
  CHECK(one.Last({Lookup("g"), Close(second)}).error() == pb::FS_BAD_STATEID);
  CHECK(one.Last({Lookup("g"), Write(second, "x")}).error() == pb::FS_BAD_STATEID);
  CHECK(one.Last({Lookup("f"), Write(first, "x")}).error() == pb::FS_OLD_STATEID);
  pb::Stateid future = second;
  future.set_seqid(second.seqid() + 1);
  CHECK(one.Last({Lookup("f"), Write(future, "x")}).error() == pb::FS_BAD_STATEID);
  pb::Stateid latest = second;
  latest.set_seqid(0);
  CHECK(one.Last({Lookup("f"), Write(latest, "x")}).error() == pb::FS_OK);
}

TEST_CASE("the current stateid is that of the OPEN before it") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::SegmentResponse response =
      client.Run({Open("f", kBoth, "o", pb::Open::GUARDED), Write(Current(), "x"), Read(Current()),
                  Close(Current())});
  REQUIRE(response.results_size() == 5);
  CHECK(response.results(4).error() == pb::FS_OK);
  CHECK(client.Last({Lookup("f"), Write(Current(), "x")}).error() == pb::FS_BAD_STATEID);
}

TEST_CASE("an open for writing alone may read if the mode bits let it") {
  TestGroup group;
  TestClient client(&group, "c", 1, 1000);
  const pb::Stateid stateid = client.MustOpen("f", kWrite);
  CHECK(client.Last({Lookup("f"), Read(stateid)}).error() == pb::FS_OK);
  const pb::Stateid reading = client.MustOpen("g", kRead);
  CHECK(client.Last({Lookup("g"), Write(reading, "x")}).error() == pb::FS_OPENMODE);
}

TEST_CASE("a file that is unlinked while open lives until its last close") {
  TestGroup group;
  TestClient one(&group, "c1");
  TestClient two(&group, "c2");
  const pb::Stateid a = one.MustOpen("f");
  const pb::Stateid b = two.MustOpen("f");
  const pb::FileRef file = one.Last({Lookup("f"), GetFile()}).file();
  REQUIRE(one.Last({Lookup("f"), Write(a, "data")}).error() == pb::FS_OK);
  REQUIRE(one.Last({Remove("f")}).error() == pb::FS_OK);
  CHECK(two.Last({PutFile(file), Read(b)}).error() == pb::FS_OK);
  REQUIRE(one.Last({PutFile(file), Close(a)}).error() == pb::FS_OK);
  CHECK(two.Last({PutFile(file), Read(b)}).error() == pb::FS_OK);
  REQUIRE(two.Last({PutFile(file), Close(b)}).error() == pb::FS_OK);
  CHECK(two.Last({PutFile(file), GetAttr()}).error() == pb::FS_STALE);
  CHECK(group.CountKeys(kFs, static_cast<uint8_t>(KeyTag::kOrphan)) == 0);
  CHECK(group.CountKeys(kFs, static_cast<uint8_t>(KeyTag::kInode)) == 1);
}

TEST_CASE("everything that opens and locks leave behind is gone after the close") {
  TestGroup group;
  TestClient client(&group, "c");
  REQUIRE(client.Last({Open("f", kBoth, "o", pb::Open::GUARDED), Close(Current())}).error() ==
          pb::FS_OK);
  const auto before = group.Contents().size();
  const pb::Stateid stateid = client.MustOpen("f", kBoth, "o", kWrite);
  const pb::Stateid lock = client.Last({Lookup("f"), LockNew(stateid, "l", true, 0, 10)}).stateid();
  REQUIRE(client.Last({Lookup("f"), LockMore(lock, false, 4, 2)}).error() == pb::FS_OK);
  CHECK(group.Contents().size() > before);
  REQUIRE(client.Last({Lookup("f"), Close(stateid)}).error() == pb::FS_OK);
  CHECK(group.Contents().size() == before);
}

TEST_CASE("a repeated request gets its old answer and changes nothing") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::SegmentResponse first = client.Run({Open("f", kBoth, "o", pb::Open::GUARDED)});
  const auto contents = group.Contents();
  const pb::SegmentResponse second = client.Repeat();
  CHECK(first.SerializeAsString() == second.SerializeAsString());
  CHECK(contents == group.Contents());
  // Errors too: the file is there now, the answer is still that it was not.
  const pb::SegmentResponse missing = client.Run({Open("g", kBoth, "o")});
  CHECK(missing.results(1).error() == pb::FS_NOENT);
  TestClient(&group, "other").MustOpen("g");
  CHECK(client.Repeat().results(1).error() == pb::FS_NOENT);
}

TEST_CASE("a client has a limit of states") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid stateid = client.MustOpen("f");
  group.SetUsage(client.id(), kMaxStatesPerClient - 1, 0);
  client.MustOpen("g");
  CHECK(client.Last({Open("h", kRead, "o", pb::Open::GUARDED)}).error() == pb::FS_DQUOT);
  CHECK(client.Last({Lookup("h")}).error() == pb::FS_NOENT);         // nothing was left half done
  CHECK(client.Last({Open("g", kRead, "o")}).error() == pb::FS_OK);  // no new state
  REQUIRE(client.Last({Lookup("f"), Close(stateid)}).error() == pb::FS_OK);
  client.MustOpen("h");
  TestClient(&group, "other").MustOpen("h");  // a limit of each client
}

}  // namespace
}  // namespace openefs::metadata::testing
