#include "server/nfs4/session_table.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace openefs::nfs4 {
namespace {

using Kind = SlotVerdict::Kind;

pb::ChannelAttributes Channel(uint32_t slots = 4) {
  pb::ChannelAttributes channel;
  channel.set_max_request_bytes(4096);
  channel.set_max_response_bytes(4096);
  channel.set_max_cached_response_bytes(1024);
  channel.set_max_operations(8);
  channel.set_max_requests(slots);
  return channel;
}

ReplyBody Body(const std::string& text) {
  return std::make_shared<const BufferList>(BufferList{Buffer::Copy(text)});
}

constexpr uint64_t kHere = 1;       // a connection
constexpr uint64_t kElsewhere = 2;  // another

struct Slots {
  explicit Slots(bool fresh)
      : session(std::string(16, 's'), 7, Channel(), fresh,
                std::make_shared<std::atomic<size_t>>(0)) {}

  SlotVerdict Begin(uint32_t sequence_id, uint64_t connection = kHere, uint64_t fingerprint = 5) {
    return session.Begin({0, sequence_id, fingerprint, connection});
  }
  // Begins and ends a request that must run.
  void Run(uint32_t sequence_id, bool keep = true, uint64_t connection = kHere) {
    REQUIRE(Begin(sequence_id, connection).kind == Kind::kExecute);
    session.End(0, SlotOutcome::kDone, Body("reply " + std::to_string(sequence_id)), keep);
  }

  Session session;
};

TEST_CASE("a copy of a request that runs joins it") {
  // The rule that other servers got wrong: it comes first here.
  Slots slots(true);
  REQUIRE(slots.Begin(1).kind == Kind::kExecute);
  std::vector<std::string> answers;
  const auto joiner = [&answers](ReplyBody reply) { answers.emplace_back(reply->front().view()); };
  for (size_t i = 0; i < kMaxJoiners; ++i) {
    CHECK(slots.Begin(1, kElsewhere).kind == Kind::kRunning);
    CHECK(slots.session.Join({0, 1, 5, kElsewhere}, joiner));
  }
  const SlotVerdict one_more = slots.Begin(1, kElsewhere);
  CHECK(one_more.kind == Kind::kError);
  CHECK(one_more.status == NFS4ERR_DELAY);
  CHECK_FALSE(slots.session.Join({0, 1, 5, kElsewhere}, joiner));
  CHECK(answers.empty());
  slots.session.End(0, SlotOutcome::kDone, Body("done"), false);
  CHECK(answers == std::vector<std::string>(kMaxJoiners, "done"));
  CHECK_FALSE(slots.session.Join({0, 1, 5, kElsewhere}, joiner));  // it runs no more
}

TEST_CASE("a request that is not the one that runs") {
  Slots slots(true);
  REQUIRE(slots.Begin(1).kind == Kind::kExecute);
  CHECK(slots.Begin(2).status == NFS4ERR_SEQ_MISORDERED);
  CHECK(slots.Begin(0).status == NFS4ERR_SEQ_MISORDERED);
  CHECK(slots.Begin(1, kHere, 6).status == NFS4ERR_SEQ_FALSE_RETRY);
}

TEST_CASE("sequence ids of a known slot") {
  Slots slots(true);
  CHECK(slots.Begin(0).status == NFS4ERR_SEQ_MISORDERED);  // no request has number 0
  slots.Run(1);
  slots.Run(2);

  SECTION("a retry is answered from what was kept") {
    const SlotVerdict verdict = slots.Begin(2);
    REQUIRE(verdict.kind == Kind::kReplay);
    CHECK(verdict.reply->front().view() == "reply 2");
    CHECK(slots.Begin(2, kElsewhere).kind == Kind::kReplay);
  }
  SECTION("a retry of another shape is false") {
    CHECK(slots.Begin(2, kHere, 99).status == NFS4ERR_SEQ_FALSE_RETRY);
  }
  SECTION("behind and ahead are misordered") {
    CHECK(slots.Begin(1).status == NFS4ERR_SEQ_MISORDERED);
    CHECK(slots.Begin(4).status == NFS4ERR_SEQ_MISORDERED);
    CHECK(slots.Begin(0xffffffff).status == NFS4ERR_SEQ_MISORDERED);
    CHECK(slots.Begin(3).kind == Kind::kExecute);
  }
  SECTION("a client that comes back from another front-end may be ahead, never behind") {
    CHECK(slots.Begin(1, kElsewhere).status == NFS4ERR_SEQ_MISORDERED);
    CHECK(slots.Begin(90, kElsewhere).kind == Kind::kExecute);
  }
}

TEST_CASE("a retry whose reply was not kept runs again") {
  Slots slots(true);
  slots.Run(1, false);
  CHECK(slots.Begin(1).kind == Kind::kExecute);
  slots.session.End(0, SlotOutcome::kDone, Body("again"), true);
  CHECK(slots.Begin(1).kind == Kind::kReplay);
  slots.Run(2);
}

TEST_CASE("sequence ids wrap around") {
  Slots slots(false);
  slots.Run(0xfffffffe);
  slots.Run(0xffffffff);
  slots.Run(0);
  CHECK(slots.Begin(0).kind == Kind::kReplay);
  CHECK(slots.Begin(0xffffffff).status == NFS4ERR_SEQ_MISORDERED);
  slots.Run(1);
}

TEST_CASE("an unknown slot takes any sequence id") {
  Slots slots(false);
  slots.Run(4711);
  CHECK(slots.Begin(4711).kind == Kind::kReplay);
  CHECK(slots.Begin(4713).status == NFS4ERR_SEQ_MISORDERED);
  slots.Run(4712);
}

TEST_CASE("a request whose outcome is open is expected again") {
  Slots slots(true);
  slots.Run(1);
  REQUIRE(slots.Begin(2).kind == Kind::kExecute);
  slots.session.End(0, SlotOutcome::kUndecided, Body("delay"), true);
  CHECK(slots.Begin(1).kind == Kind::kExecute);  // its reply made room for that of 2
  slots.session.End(0, SlotOutcome::kDone, Body("one"), true);
  slots.Run(2);
  CHECK(slots.Begin(2).kind == Kind::kReplay);
}

TEST_CASE("a slot that the metadata contradicted is unknown again") {
  Slots slots(true);
  slots.Run(1);
  REQUIRE(slots.Begin(2).kind == Kind::kExecute);
  slots.session.End(0, SlotOutcome::kForget, Body("misordered"), false);
  slots.Run(17);
}

TEST_CASE("slots beyond the session's") {
  Slots slots(true);
  CHECK(slots.session.Begin({3, 1, 5, kHere}).kind == Kind::kExecute);
  CHECK(slots.session.Begin({4, 1, 5, kHere}).status == NFS4ERR_BADSLOT);
  CHECK(slots.session.Begin({0xffffffff, 1, 5, kHere}).status == NFS4ERR_BADSLOT);
}

TEST_CASE("kept replies are bounded in all") {
  auto kept = std::make_shared<std::atomic<size_t>>(0);
  {
    Session session(std::string(16, 's'), 7, Channel(2), true, kept);
    const auto big = Body(std::string(kMaxKeptReplyBytes - 10, 'x'));
    const auto run = [&](uint32_t slot, uint32_t sequence_id, const ReplyBody& reply) {
      REQUIRE(session.Begin({slot, sequence_id, 5, kHere}).kind == Kind::kExecute);
      session.End(slot, SlotOutcome::kDone, reply, true);
    };
    run(0, 1, big);
    run(1, 1, Body("0123456789-"));  // does not fit
    CHECK(kept->load() == kMaxKeptReplyBytes - 10);
    CHECK(session.Begin({1, 1, 5, kHere}).kind == Kind::kExecute);
    session.End(1, SlotOutcome::kDone, Body("small"), true);
    CHECK(session.Begin({1, 1, 5, kHere}).kind == Kind::kReplay);
    run(0, 2, Body("x"));  // gives the big one back
    CHECK(kept->load() == 6);
  }
  CHECK(kept->load() == 0);
}

TEST_CASE("a table finds, forgets and evicts") {
  ManualClock clock;
  SessionTable table(&clock);
  const std::string one(16, '1');
  const std::string two(16, '2');
  CHECK(table.Find(one) == nullptr);
  auto first = table.Insert(one, 11, Channel(), true);
  CHECK(table.Insert(one, 11, Channel(), false) == first);  // the one that is there stays
  table.Insert(two, 22, Channel(), true);
  CHECK(table.TakeUsed().size() == 2);
  CHECK(table.TakeUsed().empty());
  CHECK(table.Find(one) == first);
  CHECK(table.TakeUsed().size() == 1);

  clock.AdvanceMs(1000);
  table.EvictIdle(500);
  CHECK(table.size() == 1);  // somebody holds the first
  CHECK(table.Find(two) == nullptr);
  table.Erase(one);
  CHECK(table.Find(one) == nullptr);
  CHECK(first->gone);
  table.Erase(one);
}

}  // namespace
}  // namespace openefs::nfs4
