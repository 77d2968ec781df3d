// OPEN, CLOSE, OPEN_DOWNGRADE, LOCK, LOCKT, LOCKU.
#include <catch2/catch.hpp>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

constexpr const char* kStateid = "00000005 61616161 61616161 61616161";

pb::OperationResult StateidResult() {
  pb::OperationResult result;
  result.mutable_stateid()->set_seqid(5);
  result.mutable_stateid()->set_other(std::string(12, 'a'));
  return result;
}

pb::OperationResult OpenResult(bool created, bool applied) {
  pb::OperationResult result;
  *result.mutable_open()->mutable_stateid() = StateidResult().stateid();
  result.mutable_open()->mutable_change()->set_before(1);
  result.mutable_open()->mutable_change()->set_after(2);
  result.mutable_open()->set_created(created);
  result.mutable_open()->set_attributes_applied(applied);
  return result;
}

// seqid, share and owner; the rest is `how` and the claim.
Wire OpenArguments(uint32_t access, uint32_t deny, const std::string& rest) {
  return Wire().U32(9).U32(access).U32(deny).U64(0x1111).Opaque("owner").Raw(rest);
}

std::string ByName(const std::string& name) { return Wire().U32(CLAIM_NULL).Opaque(name); }

const std::string& NoCreate() {
  static const std::string how = Wire().U32(OPEN4_NOCREATE);
  return how;
}

// The reply behind stateid, change and flags.
std::string OpenReply(const std::string& tail) {
  return std::string(kStateid) + " 00000001 00000000 00000001 00000000 00000002 0000000c " + tail;
}

TEST_CASE("OPEN of an existing file by name") {
  Fixture fixture;
  const Outcome outcome = fixture.Run(kOpenEntry, OpenArguments(3, 0, NoCreate() + ByName("file")),
                                      OpenResult(false, false));
  REQUIRE(outcome.status == NFS4_OK);
  const pb::Open& open = outcome.planned->open();
  CHECK(open.share_access() == 3);
  CHECK(open.share_deny() == 0);
  CHECK(open.owner().client_id() == 0x77);  // the session's, not the wire's
  CHECK(open.owner().owner() == "owner");
  CHECK(open.claim() == pb::Open::NULL_NAME);
  CHECK(open.name() == "file");
  CHECK(open.create_mode() == pb::Open::NO_CREATE);
  CHECK(ToHex(outcome.reply) == OpenReply("00000000 00000000"));
}

TEST_CASE("OPEN by file handle") {
  Fixture fixture;
  const std::string claim = Wire().U32(CLAIM_FH);
  Outcome outcome =
      fixture.Run(kOpenEntry, OpenArguments(1, 0, NoCreate() + claim), OpenResult(false, false));
  CHECK(outcome.planned->open().claim() == pb::Open::CURRENT_FILE);
  CHECK(outcome.planned->open().name().empty());
  const std::string create = Wire().U32(OPEN4_CREATE).U32(UNCHECKED4).Attributes({}, "");
  CHECK(fixture.Run(kOpenEntry, OpenArguments(1, 0, create + claim)).status == NFS4ERR_INVAL);
}

TEST_CASE("OPEN: every create mode") {
  Fixture fixture;
  const std::string attributes = Wire().Attributes({0x10, 2}, Wire().U64(0).U32(0600).bytes());
  const auto run = [&](const std::string& how, bool created, bool applied) {
    return fixture.Run(kOpenEntry,
                       OpenArguments(2, 0, Wire().U32(OPEN4_CREATE).Raw(how).bytes() + ByName("f")),
                       OpenResult(created, applied));
  };
  const std::string unchecked = Wire().U32(UNCHECKED4).Raw(attributes);
  Outcome outcome = run(unchecked, true, true);
  CHECK(outcome.planned->open().create_mode() == pb::Open::UNCHECKED);
  CHECK(outcome.planned->open().attributes().mode() == 0600);
  CHECK(ToHex(outcome.reply) == OpenReply("00000002 00000010 00000002 00000000"));
  // It was there already: only its size was cut.
  CHECK(ToHex(run(unchecked, false, true).reply) == OpenReply("00000001 00000010 00000000"));
  CHECK(ToHex(run(unchecked, false, false).reply) == OpenReply("00000000 00000000"));

  outcome = run(Wire().U32(GUARDED4).Raw(attributes), true, true);
  CHECK(outcome.planned->open().create_mode() == pb::Open::GUARDED);

  outcome = run(Wire().U32(EXCLUSIVE4).U64(0x1234), true, true);
  CHECK(outcome.planned->open().create_mode() == pb::Open::EXCLUSIVE);
  CHECK(outcome.planned->open().verifier() == 0x1234);
  CHECK(ToHex(outcome.reply) == OpenReply("00000000 00000000"));

  // Tried again, an exclusive create finds its own file with the attributes it has set.
  outcome = run(Wire().U32(EXCLUSIVE4_1).U64(0x1234).Raw(attributes), false, true);
  CHECK(outcome.planned->open().create_mode() == pb::Open::EXCLUSIVE);
  CHECK(outcome.planned->open().attributes().mode() == 0600);
  CHECK(ToHex(outcome.reply) == OpenReply("00000002 00000010 00000002 00000000"));

  CHECK_FALSE(run(Wire().U32(4).U64(1), true, true).decoded);
  CHECK(run(Wire().U32(GUARDED4).Attributes({1u << FATTR4_ACL}, "abcd"), true, true).status ==
        NFS4ERR_ATTRNOTSUPP);
}

TEST_CASE("OPEN: a delegation that was asked for is refused with a reason") {
  Fixture fixture;
  const auto run = [&](uint32_t access) {
    const Outcome outcome = fixture.Run(
        kOpenEntry, OpenArguments(access, 0, NoCreate() + ByName("f")), OpenResult(false, false));
    REQUIRE(outcome.status == NFS4_OK);
    CHECK(outcome.planned->open().share_access() == 1);
    return ToHex(outcome.reply);
  };
  CHECK(run(0x0001) == OpenReply("00000000 00000000"));
  CHECK(run(0x0101) == OpenReply("00000000 00000003 00000003"));  // WANT_READ_DELEG
  CHECK(run(0x0401) == OpenReply("00000000 00000003 00000000"));  // WANT_NO_DELEG
  CHECK(run(0x0501) == OpenReply("00000000 00000003 00000007"));  // WANT_CANCEL
  CHECK(run(0x30001) == OpenReply("00000000 00000000"));
}

TEST_CASE("OPEN: shares that are none") {
  Fixture fixture;
  for (const auto& [access, deny] :
       {std::pair{0u, 0u}, {4u, 0u}, {0x100u, 0u}, {0x80000001u, 0u}, {1u, 4u}, {1u, ~0u}}) {
    INFO(access << " " << deny);
    const Outcome outcome =
        fixture.Run(kOpenEntry, OpenArguments(access, deny, NoCreate() + ByName("f")));
    CHECK(outcome.status == NFS4ERR_INVAL);
    CHECK_FALSE(outcome.planned.has_value());
  }
}

TEST_CASE("OPEN: claims of what cannot be claimed") {
  Fixture fixture;
  const auto status = [&](const std::string& claim) {
    return fixture.Run(kOpenEntry, OpenArguments(1, 0, NoCreate() + claim)).status;
  };
  CHECK(status(Wire().U32(CLAIM_PREVIOUS).U32(0)) == NFS4ERR_NO_GRACE);
  CHECK(status(Wire().U32(CLAIM_DELEGATE_CUR).Stateid(1, 'x').Opaque("f")) == NFS4ERR_BAD_STATEID);
  CHECK(status(Wire().U32(CLAIM_DELEG_CUR_FH).Stateid(1, 'x')) == NFS4ERR_BAD_STATEID);
  CHECK(status(Wire().U32(CLAIM_DELEGATE_PREV).Opaque("f")) == NFS4ERR_RECLAIM_BAD);
  CHECK(status(Wire().U32(CLAIM_DELEG_PREV_FH)) == NFS4ERR_RECLAIM_BAD);
  CHECK_FALSE(
      fixture.Run(kOpenEntry, OpenArguments(1, 0, NoCreate() + Wire().U32(7).bytes())).decoded);
  CHECK_FALSE(
      fixture.Run(kOpenEntry, OpenArguments(1, 0, Wire().U32(2).bytes() + ByName("f"))).decoded);
  CHECK_FALSE(fixture
                  .Run(kOpenEntry, Wire()
                                       .U32(0)
                                       .U32(1)
                                       .U32(0)
                                       .U64(0)
                                       .Opaque(std::string(1025, 'o'))
                                       .Raw(NoCreate() + ByName("f")))
                  .decoded);
}

TEST_CASE("CLOSE and OPEN_DOWNGRADE") {
  Fixture fixture;
  Outcome outcome = fixture.Run(kCloseEntry, Wire().U32(1).Stateid(4, 'a'), StateidResult());
  CHECK(outcome.planned->close().stateid().seqid() == 4);
  CHECK(ToHex(outcome.reply) == kStateid);
  outcome = fixture.Run(kOpenDowngradeEntry, Wire().Stateid(4, 'a').U32(0).U32(1).U32(0),
                        StateidResult());
  CHECK(outcome.planned->open_downgrade().share_access() == 1);
  CHECK(ToHex(outcome.reply) == kStateid);
  CHECK(fixture.Run(kOpenDowngradeEntry, Wire().Stateid(4, 'a').U32(0).U32(0).U32(0)).status ==
        NFS4ERR_INVAL);
  CHECK(fixture.Run(kOpenDowngradeEntry, Wire().Stateid(4, 'a').U32(0).U32(1).U32(4)).status ==
        NFS4ERR_INVAL);
}

TEST_CASE("LOCK: a new owner, and one that is known") {
  Fixture fixture;
  Outcome outcome = fixture.Run(kLockEntry,
                                Wire()
                                    .U32(WRITEW_LT)
                                    .U32(0)
                                    .U64(10)
                                    .U64(20)
                                    .U32(1)
                                    .U32(7)
                                    .Stateid(1, 'o')
                                    .U32(8)
                                    .U64(9)
                                    .Opaque("who"),
                                StateidResult());
  REQUIRE(outcome.status == NFS4_OK);
  const pb::Lock fresh = outcome.planned->lock();
  CHECK((fresh.exclusive() && fresh.new_owner() && !fresh.reclaim()));
  CHECK(fresh.range().offset() == 10);
  CHECK(fresh.range().length() == 20);
  CHECK(fresh.open_stateid().other() == std::string(12, 'o'));
  CHECK(fresh.owner().client_id() == 0x77);
  CHECK(fresh.owner().owner() == "who");
  CHECK(ToHex(outcome.reply) == kStateid);

  outcome = fixture.Run(
      kLockEntry,
      Wire().U32(READ_LT).U32(1).U64(0).U64(NFS4_UINT64_MAX).U32(0).Stateid(2, 'l').U32(3),
      StateidResult());
  const pb::Lock known = outcome.planned->lock();
  CHECK((!known.exclusive() && !known.new_owner() && known.reclaim()));
  CHECK(known.lock_stateid().seqid() == 2);
  CHECK_FALSE(known.has_owner());

  const std::string tail = Wire().U32(0).U64(0).U64(1).U32(0).Stateid(2, 'l').U32(3);
  CHECK_FALSE(fixture.Run(kLockEntry, Wire().U32(0).Raw(tail)).decoded);
  CHECK_FALSE(fixture.Run(kLockEntry, Wire().U32(5).Raw(tail)).decoded);
}

TEST_CASE("LOCK and LOCKT say who holds what is in the way") {
  Fixture fixture;
  pb::OperationResult denied;
  denied.set_error(pb::FS_DENIED);
  denied.mutable_conflict()->mutable_range()->set_offset(1);
  denied.mutable_conflict()->mutable_range()->set_length(2);
  denied.mutable_conflict()->set_exclusive(true);
  denied.mutable_conflict()->mutable_owner()->set_client_id(3);
  denied.mutable_conflict()->mutable_owner()->set_owner("abc");
  const std::string expected =
      "00000000 00000001 00000000 00000002 00000002 00000000 00000003 00000003 61626300";
  const std::string lock = Wire().U32(READ_LT).U32(0).U64(0).U64(1).U32(0).Stateid(2, 'l').U32(3);
  Outcome outcome = fixture.Run(kLockEntry, lock, denied);
  CHECK(outcome.status == NFS4ERR_DENIED);
  CHECK(ToHex(outcome.reply) == expected);

  const std::string test = Wire().U32(READW_LT).U64(4).U64(5).U64(6).Opaque("me");
  outcome = fixture.Run(kLockTEntry, test, denied);
  CHECK(outcome.status == NFS4ERR_DENIED);
  CHECK(ToHex(outcome.reply) == expected);
  CHECK(outcome.planned->lock_test().range().offset() == 4);
  CHECK(outcome.planned->lock_test().owner().client_id() == 0x77);
  CHECK_FALSE(outcome.planned->lock_test().exclusive());
  CHECK(fixture.Run(kLockTEntry, test).reply.empty());

  // An error of another kind has no body.
  pb::OperationResult expired;
  expired.set_error(pb::FS_EXPIRED);
  outcome = fixture.Run(kLockEntry, lock, expired);
  CHECK(outcome.status == NFS4ERR_EXPIRED);
  CHECK(outcome.reply.empty());
}

TEST_CASE("LOCKU") {
  Fixture fixture;
  const Outcome outcome = fixture.Run(
      kLockUEntry, Wire().U32(WRITE_LT).U32(0).Stateid(2, 'l').U64(3).U64(4), StateidResult());
  CHECK(outcome.planned->unlock().stateid().seqid() == 2);
  CHECK(outcome.planned->unlock().range().offset() == 3);
  CHECK(outcome.planned->unlock().range().length() == 4);
  CHECK(ToHex(outcome.reply) == kStateid);
}

}  // namespace
}  // namespace openefs::nfs4::testing
