// The other checkers: each lets good pass and sees bad.
#include <catch2/catch.hpp>

#include "metadata/store/keys.h"
#include "tests/sim/checkers/committed_log.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/election_safety.h"
#include "tests/sim/checkers/exactly_once.h"
#include "tests/sim/checkers/leader_completeness.h"
#include "tests/sim/checkers/log_matching.h"
#include "tests/sim/checkers/membership.h"
#include "tests/sim/checkers/reference_store.h"
#include "tests/sim/checkers/votes.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

namespace raft = replication::raft;

raft::Raft CoreWithLog(NodeId id, const std::vector<uint64_t>& terms) {
  raft::DurableState durable;
  durable.configuration = raft::Normalized({{1, 2, 3}, {}, {}});
  for (const uint64_t term : terms) {
    const uint64_t index = ++durable.log.last_index;
    durable.log.terms.push_back({index, term});
    durable.log.recent.push_back({index, term, raft::EntryKind::kNormal, nullptr});
    durable.hard_state.term = term;
  }
  raft::RaftOptions options;
  options.id = id;
  return raft::Raft(options, std::move(durable));
}

TEST_CASE("election safety") {
  ElectionSafety elections;
  CHECK(elections.Leads(1, 5));
  CHECK_FALSE(elections.Leads(1, 5));
  CHECK(elections.Leads(2, 6));
  CHECK_THROWS_AS(elections.Leads(2, 5), Violation);
}

TEST_CASE("state machine safety") {
  CommittedLog log;
  CHECK(log.Applies(1, 1, 1, "a"));
  CHECK(log.Applies(1, 2, 1, "b"));
  CHECK_FALSE(log.Applies(2, 1, 1, "a"));
  CHECK_THROWS_AS(log.Applies(2, 2, 2, "b"), Violation);
  CHECK_THROWS_AS(log.Applies(2, 2, 1, "c"), Violation);
  CHECK_THROWS_AS(log.Applies(3, 4, 1, "d"), Violation);  // a gap
}

TEST_CASE("one vote in a term") {
  Votes votes;
  votes.Granted(1, 3, 2);
  CHECK_NOTHROW(votes.Granted(1, 3, 2));
  CHECK_NOTHROW(votes.Granted(1, 4, 3));
  CHECK_NOTHROW(votes.Granted(2, 3, 3));
  CHECK_THROWS_AS(votes.Granted(1, 3, 3), Violation);
}

// Alone in its group, so that what is durable is committed.
raft::Raft LonelyLeader() {
  raft::DurableState durable;
  durable.configuration = raft::Normalized({{1}, {}, {}});
  raft::RaftOptions options;
  options.id = 1;
  raft::Raft core(options, std::move(durable));
  core.Campaign();
  while (core.HasReady()) {
    const raft::Ready ready = core.TakeReady();
    if (ready.write_id != 0) core.OnPersisted(ready.write_id);
    if (!ready.committed.empty()) core.OnApplied(ready.committed.back().index);
  }
  return core;
}

TEST_CASE("durability") {
  const raft::Raft core = LonelyLeader();
  REQUIRE(core.commit_index() == 1);
  Durability good;
  good.Durable(1, 1, core.term());
  CHECK_NOTHROW(good.Turned(core));
  CHECK(good.committed() == 1);
  Durability installed;
  installed.DurableUpTo(1, 1);
  CHECK_NOTHROW(installed.Turned(core));
  Durability nobody;
  CHECK_THROWS_AS(nobody.Turned(core), Violation);
  Durability another;
  another.Durable(2, 1, core.term());      // no voter
  another.Durable(1, 1, core.term() + 1);  // another entry
  CHECK_THROWS_AS(another.Turned(core), Violation);
  Durability lost;
  lost.Durable(1, 1, core.term());
  lost.Forget(1, 1);
  CHECK_THROWS_AS(lost.Turned(core), Violation);
}

raft::Raft CoreWithConfigurations(NodeId id, std::map<uint64_t, raft::Configuration> later,
                                  uint64_t commit) {
  raft::DurableState durable;
  durable.configuration = raft::Normalized({{1, 2, 3}, {}, {}});
  durable.log.terms = {{1, 1}};
  durable.log.last_index = 9;
  for (uint64_t i = 1; i <= 9; ++i) {
    durable.log.recent.push_back({i, 1, raft::EntryKind::kNormal, nullptr});
  }
  durable.hard_state = {1, 0, commit};
  durable.configurations = std::move(later);
  raft::RaftOptions options;
  options.id = id;
  return raft::Raft(options, std::move(durable));
}

TEST_CASE("changes of members") {
  const raft::Configuration four = raft::Normalized({{1, 2, 3, 4}, {}, {}});
  const raft::Configuration joint = raft::JointOf(raft::Normalized({{1, 2, 3}, {}, {}}), four);
  Counts counts;
  MembershipChecker checker(false, &counts);
  checker.Turned(CoreWithConfigurations(1, {}, 0));
  CHECK(checker.Possible().size() == 1);
  CHECK_NOTHROW(checker.Turned(CoreWithConfigurations(1, {{5, joint}}, 4)));
  CHECK(checker.Possible().size() == 2);
  CHECK(checker.Had(4));
  CHECK_NOTHROW(checker.Turned(CoreWithConfigurations(1, {{5, joint}, {6, four}}, 6)));
  CHECK(checker.Possible() == std::vector<raft::Configuration>{four});
  CHECK(counts["joint changes completed"] == 1);

  SECTION("other voters in one step") {
    CHECK_THROWS_AS(checker.Turned(CoreWithConfigurations(2, {{7, four}}, 0)), Violation);
  }
  SECTION("something else is taken for committed") {
    const raft::Configuration learner = raft::Normalized({{1, 2, 3}, {}, {5}});
    CHECK_THROWS_AS(checker.Turned(CoreWithConfigurations(2, {{6, learner}}, 6)), Violation);
  }
  SECTION("two in one entry") {
    const raft::Configuration one = raft::Normalized({{1, 2, 3}, {}, {5}});
    const raft::Configuration other = raft::Normalized({{1, 2, 3}, {}, {6}});
    checker.Turned(CoreWithConfigurations(2, {{8, one}}, 0));
    CHECK_THROWS_AS(checker.Turned(CoreWithConfigurations(3, {{8, other}}, 0)), Violation);
  }
}

TEST_CASE("leader completeness") {
  CommittedLog log;
  log.Applies(1, 1, 1, "a");
  log.Applies(1, 2, 2, "b");
  CHECK_NOTHROW(CheckLeaderCompleteness(CoreWithLog(1, {1, 2, 3}), log));
  CHECK_THROWS_AS(CheckLeaderCompleteness(CoreWithLog(1, {1, 1, 3}), log), Violation);
  log.Applies(1, 3, 3, "c");
  CHECK_THROWS_AS(CheckLeaderCompleteness(CoreWithLog(1, {1, 2, 4, 4}), log), Violation);
  // Deposed before that was committed.
  CHECK_NOTHROW(CheckLeaderCompleteness(CoreWithLog(1, {1, 2}), log));
}

TEST_CASE("log matching") {
  const raft::Raft a = CoreWithLog(1, {1, 1, 2});
  const raft::Raft b = CoreWithLog(2, {1, 1, 3});
  const raft::Raft c = CoreWithLog(3, {1, 2, 2});
  CHECK_NOTHROW(CheckLogMatching({&a, &b}));
  CHECK_THROWS_AS(CheckLogMatching({&a, &b, &c}), Violation);
}

pb::SegmentRequest Removal(uint32_t sequence_id) {
  pb::SegmentRequest request;
  request.mutable_slot()->set_session_id(std::string(16, 's'));
  request.mutable_slot()->set_sequence_id(sequence_id);
  request.add_operations()->mutable_remove()->set_name("a");
  return request;
}

pb::SegmentResponse Answer(pb::FsError error) {
  pb::SegmentResponse response;
  response.add_results()->set_error(error);
  return response;
}

TEST_CASE("exactly once") {
  ExactlyOnce once;
  once.Executed(Removal(1), Answer(pb::FS_OK), true);
  once.Executed(Removal(1), Answer(pb::FS_OK), false);
  CHECK(once.repeats() == 1);
  CHECK_NOTHROW(once.Acknowledged(Removal(1), Answer(pb::FS_OK)));
  CHECK_THROWS_AS(once.Acknowledged(Removal(1), Answer(pb::FS_NOENT)), Violation);
  CHECK_THROWS_AS(once.Acknowledged(Removal(2), Answer(pb::FS_OK)), Violation);
  CHECK_THROWS_AS(once.Executed(Removal(1), Answer(pb::FS_OK), true), Violation);
}

TEST_CASE("stores are compared byte by byte") {
  CHECK_NOTHROW(CheckSameContent(1, {{"a", "1"}}, {{"a", "1"}}));
  CHECK_THROWS_AS(CheckSameContent(1, {{"a", "1"}}, {{"a", "2"}}), Violation);
  CHECK_THROWS_AS(CheckSameContent(1, {{"a", "1"}}, {{"a", "1"}, {"b", "1"}}), Violation);
  CHECK_THROWS_AS(CheckSameContent(1, {{"a", "1"}, {"b", "1"}}, {{"a", "1"}}), Violation);
  CHECK_THROWS_AS(CheckSameContent(1, {{"b", "1"}}, {{"a", "1"}}), Violation);
}

TEST_CASE("the hash of a store on a disk is that of its content, however it came about") {
  KvDisk one;
  KvDisk other;
  const auto a = one.Open();
  const auto b = other.Open();
  REQUIRE(a->Write({{"x", "1"}, {"y", "2"}}).ok());
  REQUIRE(a->Write({{"y", std::nullopt}, {"z", "3"}}).ok());
  REQUIRE(b->Write({{"z", "3"}}).ok());
  CHECK(one.hash() != other.hash());
  REQUIRE(b->Write({{"x", "1"}}).ok());
  CHECK(one.hash() == other.hash());
  CHECK(one.content() == other.content());
}

TEST_CASE("a crash leaves a prefix of what was not flushed") {
  KvDisk disk;
  auto engine = disk.Open();
  REQUIRE(engine->Write({{"a", "1"}}).ok());
  REQUIRE(engine->Flush().ok());
  REQUIRE(engine->Write({{"b", "1"}}).ok());
  REQUIRE(engine->Write({{"c", "1"}}).ok());
  engine.reset();
  disk.Crash(1);
  CHECK(disk.content() == KvImage{{"a", "1"}, {"b", "1"}});
  engine = disk.Open();
  std::string value;
  CHECK(engine->Snapshot()->Get("b", &value));
  CHECK_FALSE(engine->Snapshot()->Get("c", &value));
}

}  // namespace
}  // namespace openefs::sim
