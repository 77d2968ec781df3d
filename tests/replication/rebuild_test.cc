// Replicas whose log was damaged in its middle, or whose state was found wrong, come back by
// themselves: with everything that was acknowledged, under their old identity, as voters.
#include <catch2/catch.hpp>
#include <set>

#include "node_cluster.h"
#include "replication/log/set_aside.h"
#include "replication/node/group.h"
#include "replication/node/group_rebuild.h"

namespace openefs::replication::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kVictim[] = "flip me";

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Flips a bit of the first record of `kVictim` in the node's log. Other records follow it.
bool FlipBit(const std::string& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const size_t at = ReadAll(entry.path()).find(kVictim);
    if (at == std::string::npos) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(kVictim[0] ^ 4);
    return true;
  }
  return false;
}

class RebuildCluster : public NodeCluster {
 public:
  explicit RebuildCluster(size_t size = 3) : NodeCluster(size) {
    options.election_ticks = 20;
    options.rebuild_ask_ms = 10;
    StartAll();
    leader = WaitForLeader();
    follower = leader % static_cast<NodeId>(size) + 1;
    ProposeAll(5);
    proposed.emplace_back(kVictim);
    REQUIRE(Propose(leader, kVictim).ok());
    ProposeAll(20);
    for (const NodeId id : voters()) REQUIRE(WaitForValues(id, proposed));
  }

  void ProposeAll(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string value = "value " + std::to_string(proposed.size());
      REQUIRE(ProposeSomewhere(value));
      proposed.push_back(value);
    }
  }
  // Whoever leads; an outcome that is not known may be there twice.
  bool ProposeSomewhere(const std::string& value) {
    return Eventually([&] {
      const NodeId to = WaitForLeader();
      return to != 0 && Propose(to, value).ok();
    });
  }

  // A voter again, in its `life`th life, as the leader knows for sure.
  bool WaitForVoter(NodeId id, uint64_t life) {
    return Eventually([&] {
      const NodeId to = WaitForLeader();
      if (to == 0) return false;
      const GroupStatus status = Running(to)->Status(kGroup);
      const auto lives = LivesIn(status.configuration);
      return status.configuration_committed && !status.configuration.joint() &&
             status.configuration.IsVoter(id) && lives.contains(id) && lives.at(id) == life;
    });
  }
  bool InStep() { return WaitUntilInStep(proposed); }
  std::string RebuildOf(NodeId id) { return node(id).Status(kGroup).rebuild; }

  NodeId leader = 0;
  NodeId follower = 0;
  std::vector<std::string> proposed;
};

// Ends the work the `times`th time that a step is reached, as a crash would.
class StopAt {
 public:
  explicit StopAt(RebuildStep step) : step_(step) {}
  RebuildFaultHook Hook() {
    return [this](RebuildStep step) {
      if (step == step_) reached_ = true;
      return reached_ ? absl::AbortedError("the node is gone") : absl::OkStatus();
    };
  }
  bool reached() const { return reached_; }

 private:
  const RebuildStep step_;
  std::atomic<bool> reached_{false};
};

TEST_CASE("a log damaged in its middle: the replica is rebuilt while writes go on") {
  RebuildCluster cluster;
  const bool of_leader = GENERATE(false, true);
  const NodeId victim = of_leader ? cluster.leader : cluster.follower;
  cluster.Kill(victim);
  cluster.ProposeAll(5);
  REQUIRE(FlipBit(cluster.Directory(victim)));
  const std::string incarnation = ReadAll(cluster.Directory(victim) + "/IDENTITY");
  REQUIRE(cluster.Start(victim).ok());
  cluster.ProposeAll(20);
  REQUIRE(cluster.WaitForVoter(victim, 1));
  CHECK(cluster.machine(victim).clears() == 1);
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
  CHECK(cluster.RebuildOf(victim).empty());
  // What it had is kept, for people.
  const auto aside = SegmentsIn(cluster.Directory(victim) + "/damaged-1");
  REQUIRE(aside.ok());
  CHECK_FALSE(aside->empty());

  // It counts again: without another one, it is what makes the majority.
  const NodeId other = cluster.WaitForLeader();
  cluster.Kill(other == victim ? victim % 3 + 1 : other);
  cluster.ProposeAll(5);
  // And comes back from its new log as any other does.
  cluster.Kill(victim);
  cluster.machine(victim).LoseUnflushed();
  REQUIRE(cluster.Start(victim).ok());
  cluster.ProposeAll(5);
  REQUIRE(cluster.Start(other == victim ? victim % 3 + 1 : other).ok());
  CHECK(cluster.InStep());
  CHECK(cluster.machine(victim).clears() == 1);
}

TEST_CASE("a replica that is rebuilt gets a snapshot where the log begins too late") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  cluster.KillAll();
  cluster.options.segment_bytes = 16 << 10;
  cluster.options.flush_log_bytes = 4 << 10;
  cluster.options.retain_log_bytes = 4 << 10;
  for (const NodeId id : cluster.voters()) {
    if (id != victim) REQUIRE(cluster.Start(id).ok());
  }
  cluster.ProposeAll(300);
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(NodeCluster::Eventually(
      [&] { return cluster.node(leader).Status(kGroup).first_index > 100; }));
  REQUIRE(FlipBit(cluster.Directory(victim)));
  REQUIRE(cluster.Start(victim).ok());
  REQUIRE(cluster.WaitForVoter(victim, 1));
  CHECK(cluster.InStep());
  CHECK(cluster.machine(victim).installs() >= 1);
}

TEST_CASE("a rebuild goes on after a crash at any of its steps") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  const auto step = GENERATE(RebuildStep::kMarked, RebuildStep::kGranted, RebuildStep::kIntentGone,
                             RebuildStep::kCleared, RebuildStep::kLogReset, RebuildStep::kDone);
  INFO("step " << static_cast<int>(step));
  cluster.Kill(victim);
  StopAt first(step);
  StopAt second(step);
  cluster.options.rebuild_fault = first.Hook();
  if (step == RebuildStep::kMarked) {
    REQUIRE(cluster.Start(victim).ok());
    cluster.node(victim).Rebuild(kGroup, absl::DataLossError("told to"));
  } else {
    REQUIRE(FlipBit(cluster.Directory(victim)));
    REQUIRE(cluster.Start(victim).ok());
  }
  REQUIRE(NodeCluster::Eventually([&] { return first.reached(); }));
  cluster.ProposeAll(5);
  cluster.Kill(victim);
  // Again in the same place, where the start itself goes on.
  cluster.options.rebuild_fault = second.Hook();
  const bool started = cluster.Start(victim).ok();
  CHECK(started == !second.reached());
  cluster.Kill(victim);
  cluster.options.rebuild_fault = nullptr;
  REQUIRE(cluster.Start(victim).ok());
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

TEST_CASE("another leader goes on with a rebuild where the last one stopped") {
  RebuildCluster cluster(5);
  const NodeId victim = cluster.follower;
  cluster.Kill(victim);
  const auto step = GENERATE(RebuildStep::kGranted, RebuildStep::kLogReset);
  StopAt stop(step);
  cluster.options.rebuild_fault = stop.Hook();
  REQUIRE(FlipBit(cluster.Directory(victim)));
  REQUIRE(cluster.Start(victim).ok());
  REQUIRE(NodeCluster::Eventually([&] { return stop.reached(); }));
  cluster.Kill(victim);
  cluster.Kill(cluster.leader);
  cluster.options.rebuild_fault = nullptr;
  REQUIRE(cluster.Start(victim).ok());
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  REQUIRE(cluster.Start(cluster.leader).ok());
  CHECK(cluster.InStep());
}

TEST_CASE("a replica that is cut off while it asks is rebuilt when it is back") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  cluster.Isolate(victim, true);
  cluster.node(victim).Rebuild(kGroup, absl::DataLossError("told to"));
  REQUIRE(NodeCluster::Eventually([&] { return !cluster.RebuildOf(victim).empty(); }));
  cluster.ProposeAll(5);
  CHECK(cluster.machine(victim).clears() == 0);
  cluster.Isolate(victim, false);
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

TEST_CASE("a state that was found wrong is rebuilt without a restart") {
  RebuildCluster cluster;
  const bool of_leader = GENERATE(false, true);
  const NodeId victim = of_leader ? cluster.leader : cluster.follower;
  cluster.machine(victim).Tamper("wrong");
  cluster.node(victim).Rebuild(kGroup, absl::DataLossError("its state is wrong"));
  cluster.ProposeAll(20);
  REQUIRE(cluster.WaitForVoter(victim, 1));
  CHECK(cluster.InStep());
  // And once more: each time it is another life.
  cluster.machine(victim).Tamper("wrong");
  cluster.node(victim).Rebuild(kGroup, absl::DataLossError("its state is wrong"));
  REQUIRE(cluster.WaitForVoter(victim, 2));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
  CHECK(cluster.machine(victim).clears() == 2);
}

TEST_CASE("a state that was found wrong before the start is rebuilt") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  cluster.Kill(victim);
  cluster.machine(victim).Tamper("wrong");
  cluster.condemned = victim;
  REQUIRE(cluster.Start(victim).ok());
  cluster.condemned = 0;
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

TEST_CASE("a leader that meets a damaged record of its log is rebuilt, the others are not") {
  RebuildCluster cluster(5);
  const NodeId empty = cluster.follower;
  cluster.KillAll();
  // Nothing is cut off while one is away; what was applied before the start is on disk only.
  for (const NodeId id : cluster.voters()) {
    if (id != empty) REQUIRE(cluster.Start(id).ok());
  }
  cluster.ProposeAll(3);
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(FlipBit(cluster.Directory(leader)));
  cluster.condemned = empty;  // so it comes and wants all of it
  REQUIRE(cluster.Start(empty).ok());
  REQUIRE(cluster.WaitForVoter(leader, 1));
  REQUIRE(cluster.WaitForVoter(empty, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
  for (const NodeId id : cluster.voters()) {
    CHECK(cluster.machine(id).clears() == (id == leader || id == empty ? 1 : 0));
  }
}

TEST_CASE("two damaged of three wait, say so, and lose nothing") {
  RebuildCluster cluster;
  const NodeId sound = cluster.follower;
  std::vector<NodeId> damaged;
  for (const NodeId id : cluster.voters()) {
    if (id != sound) damaged.push_back(id);
  }
  for (const NodeId id : damaged) cluster.Kill(id);
  for (const NodeId id : damaged) {
    REQUIRE(FlipBit(cluster.Directory(id)));
    REQUIRE(cluster.Start(id).ok());
  }
  for (const NodeId id : damaged) {
    INFO("node " << id);
    const NodeId other = id == damaged[0] ? damaged[1] : damaged[0];
    const std::string expected = "node " + std::to_string(other) + " is to be rebuilt too";
    CHECK(NodeCluster::Eventually(
        [&] { return cluster.RebuildOf(id).find(expected) != std::string::npos; }));
    CHECK(cluster.RebuildOf(id).find('\n') == std::string::npos);
    CHECK(cluster.machine(id).clears() == 0);
    CHECK(cluster.machine(id).Values() == cluster.proposed);
    CHECK_FALSE(SegmentsIn(cluster.Directory(id) + "/damaged-1")->empty());
    CHECK_FALSE(cluster.node(id).Status(kGroup).is_leader);
    CHECK(cluster.Propose(id, "x").code() == absl::StatusCode::kUnavailable);
    CHECK(cluster.Barrier(id).code() == absl::StatusCode::kUnavailable);
  }
  CHECK(NodeCluster::Eventually([&] { return !cluster.node(sound).Status(kGroup).is_leader; }));
  CHECK(cluster.machine(sound).Values() == cluster.proposed);
  // It waits on over a restart too.
  cluster.Kill(damaged[0]);
  REQUIRE(cluster.Start(damaged[0]).ok());
  CHECK_FALSE(cluster.RebuildOf(damaged[0]).empty());
  CHECK(cluster.machine(damaged[0]).clears() == 0);
}

TEST_CASE("with one voter down too few are left to rebuild another, until it is back") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  const NodeId down = victim % 3 + 1 == cluster.leader ? cluster.leader % 3 + 1 : victim % 3 + 1;
  cluster.Kill(victim);
  cluster.Kill(down);
  REQUIRE(FlipBit(cluster.Directory(victim)));
  REQUIRE(cluster.Start(victim).ok());
  CHECK(NodeCluster::Eventually([&] { return !cluster.RebuildOf(victim).empty(); }));
  CHECK(cluster.machine(victim).clears() == 0);
  REQUIRE(cluster.Start(down).ok());
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

TEST_CASE("one after the other, all of three are rebuilt") {
  RebuildCluster cluster;
  for (const NodeId id : cluster.voters()) {
    cluster.Kill(id);
    cluster.ProposeAll(5);
    REQUIRE(FlipBit(cluster.Directory(id)));
    REQUIRE(cluster.Start(id).ok());
    REQUIRE(cluster.WaitForVoter(id, 1));
  }
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
  for (const NodeId id : cluster.voters()) CHECK(cluster.machine(id).clears() == 1);
}

TEST_CASE("two of five are rebuilt") {
  RebuildCluster cluster(5);
  const std::vector<NodeId> damaged = {cluster.leader, cluster.follower};
  for (const NodeId id : damaged) cluster.Kill(id);
  for (const NodeId id : damaged) {
    REQUIRE(FlipBit(cluster.Directory(id)));
    REQUIRE(cluster.Start(id).ok());
  }
  cluster.ProposeAll(5);
  for (const NodeId id : damaged) REQUIRE(cluster.WaitForVoter(id, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

TEST_CASE("the only replica is not started with a damaged log, and its files stay") {
  RebuildCluster cluster(1);
  cluster.Kill(1);
  REQUIRE(FlipBit(cluster.Directory(1)));
  const auto before = SegmentsIn(cluster.Directory(1));
  const absl::Status refused = cluster.Start(1);
  CHECK(refused.code() == absl::StatusCode::kDataLoss);
  CHECK(refused.message().find("no other replica") != absl::string_view::npos);
  CHECK(refused.message().find('\n') == absl::string_view::npos);
  CHECK(*SegmentsIn(cluster.Directory(1)) == *before);
  CHECK_FALSE(fs::exists(cluster.Directory(1) + "/damaged-1"));
}

TEST_CASE("a crash while a damaged log is set aside") {
  RebuildCluster cluster;
  const NodeId victim = cluster.follower;
  cluster.Kill(victim);
  REQUIRE(cluster.Start(victim).ok());  // begins a second segment
  cluster.ProposeAll(5);
  REQUIRE(cluster.InStep());
  cluster.Kill(victim);
  REQUIRE(FlipBit(cluster.Directory(victim)));
  cluster.Isolate(victim, true);
  REQUIRE(cluster.Start(victim).ok());
  cluster.Kill(victim);
  cluster.Isolate(victim, false);
  // As if it had come before the last files were moved.
  const std::string directory = cluster.Directory(victim);
  const auto moved = SegmentsIn(directory + "/damaged-1");
  REQUIRE(moved->size() == 2);
  const auto fresh = SegmentsIn(directory);
  for (const uint64_t number : *fresh) {
    fs::remove(directory + "/" + Segment::FileName(number));
  }
  const std::string last = Segment::FileName(moved->back());
  fs::rename(directory + "/damaged-1/" + last, directory + "/" + last);
  REQUIRE(cluster.Start(victim).ok());
  REQUIRE(cluster.WaitForVoter(victim, 1));
  cluster.ProposeAll(5);
  CHECK(cluster.InStep());
}

// ---- parts

pb::GroupRebuild Asking() { return MarkToRebuild(nullptr, 1, "it is damaged", 1'000); }

pb::RaftMessage GrantFor(const pb::GroupRebuild& mark, const raft::Configuration& configuration) {
  pb::RaftMessage reply;
  reply.set_type(pb::RaftMessage::REBUILD_REPLY);
  reply.set_group(mark.group());
  reply.set_from(1);
  reply.set_to(3);
  reply.set_term(7);
  reply.set_life(mark.life());
  REQUIRE(reply.mutable_configuration()->ParseFromString(EncodeConfiguration(configuration)));
  return reply;
}

TEST_CASE("only the answer to this damage is believed") {
  const pb::GroupRebuild mark = Asking();
  const pb::RaftMessage good = GrantFor(mark, {{1, 2}, {}, {3}});
  const auto granted = Granted(mark, 3, good);
  REQUIRE(granted.has_value());
  CHECK(granted->step() == pb::GroupRebuild::RESETS);
  CHECK(granted->term() == 7);
  CHECK(granted->leader() == 1);

  pb::RaftMessage other = good;
  SECTION("of an earlier life") { other.set_life(mark.life() - 1); }
  SECTION("of a later one") { other.set_life(mark.life() + 1); }
  SECTION("a refusal") { other.set_reject(true); }
  SECTION("of another group") { other.set_group(2); }
  SECTION("without a term") { other.set_term(0); }
  SECTION("a voter still") { other = GrantFor(mark, {{1, 2, 3}, {}, {}}); }
  SECTION("half a voter still") { other = GrantFor(mark, {{1, 2}, {1, 2, 3}, {3}}); }
  SECTION("not there any more") { other = GrantFor(mark, {{1, 2}, {}, {}}); }
  SECTION("no configuration") { other.clear_configuration(); }
  CHECK_FALSE(Granted(mark, 3, other).has_value());
}

TEST_CASE("an answer comes once") {
  const pb::GroupRebuild mark = Asking();
  const pb::RaftMessage good = GrantFor(mark, {{1, 2}, {}, {3}});
  CHECK_FALSE(Granted(*Granted(mark, 3, good), 3, good).has_value());
  pb::GroupRebuild again = *Granted(mark, 3, good);
  again.set_step(pb::GroupRebuild::DONE);
  again = MarkToRebuild(&again, 1, "again", 2'000);
  CHECK(again.life() == 2);
  CHECK_FALSE(Granted(again, 3, good).has_value());
}

TEST_CASE("a replica that is damaged over and over waits") {
  pb::GroupRebuild mark;
  int64_t wall_ms = 1'000'000'000;
  for (int i = 0; i <= kMaxRebuilds; ++i) {
    mark.set_step(pb::GroupRebuild::DONE);
    mark = MarkToRebuild(i == 0 ? nullptr : &mark, 1, "damaged", wall_ms += 1'000);
    GroupRebuild rebuild(mark, 10);
    CHECK(rebuild.Request(3, 1, wall_ms).has_value() == (i < kMaxRebuilds));
  }
  GroupRebuild rebuild(mark, 10);
  CHECK_FALSE(rebuild.Request(3, 1, wall_ms).has_value());
  CHECK(rebuild.Describe().find("is the disk good") != std::string::npos);
  CHECK(rebuild.Request(3, 100, wall_ms + kRebuildWindowMs).has_value());
  // A mark that asks stays what it is.
  CHECK(MarkToRebuild(&mark, 1, "other", 5).SerializeAsString() == mark.SerializeAsString());
}

TEST_CASE("a member is demoted in the life it names, once") {
  pb::ReplicaMember member;
  member.set_node_id(3);
  member.set_incarnation("0123456789abcdef");
  member.set_life(1);
  const raft::Configuration three{{1, 2, 3}, {}, {}};
  const auto learner = Demoted(three, member);
  REQUIRE((learner.ok() && learner->has_value()));
  CHECK(ToString(**learner) == "1,2 learners 3");
  CHECK(LivesIn(**learner) == std::map<NodeId, uint64_t>{{3, 1}});
  CHECK_FALSE(Demoted(**learner, member)->has_value());
  // Promoted, it stays in that life, and an old request does not demote it again.
  const auto promoted = Promoted(**learner, [](NodeId) { return true; });
  REQUIRE(promoted.has_value());
  CHECK(ToString(*promoted) == "1,2,3");
  CHECK(LivesIn(*promoted).at(3) == 1);
  CHECK_FALSE(Demoted(*promoted, member)->has_value());
  member.set_life(2);
  CHECK(ToString(**Demoted(*promoted, member)) == "1,2 learners 3");
  // One that learns already, in the next life; nobody else is touched.
  CHECK(LivesIn(**Demoted(**learner, member)).at(3) == 2);
  CHECK(Demoted({{3}, {}, {1}}, member).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Demoted({{1, 2}, {}, {}}, member).status().code() == absl::StatusCode::kInvalidArgument);
}

// A leader of voters 1 (itself), 2 and 3, of whom 3 is in its second life; one thread.
class LoneLeader : private BatchSink {
 public:
  LoneLeader() : group_(kGroup, Options(), Durable(), &machine_, &inbox_, uint64_t{1} << 30) {
    group_.StartWithoutThread();
    while (group_.core().role() == raft::Role::kFollower) {
      group_.Tick();
      Turn();
    }
    Say(pb::RaftMessage::PRE_VOTE_REPLY, 2, 0);
    Say(pb::RaftMessage::VOTE_REPLY, 2, 0);
    REQUIRE(group_.core().leads());
  }
  void Say(pb::RaftMessage::Type type, NodeId from, uint64_t life) {
    pb::RaftMessage message;
    message.set_type(type);
    message.set_group(kGroup);
    message.set_from(from);
    message.set_to(1);
    message.set_term(1);
    message.set_life(life);
    if (type == pb::RaftMessage::APPEND_REPLY) message.set_log_index(1);
    group_.Step(message);
    Turn();
  }
  uint64_t MatchOf(NodeId node) const { return group_.core().progress().at(node).match(); }
  const raft::Raft& core() const { return group_.core(); }
  absl::StatusOr<bool> Demote(const pb::ReplicaMember& member) {
    auto demoted = group_.Demote(member);
    Turn();
    return demoted;
  }

 private:
  static raft::RaftOptions Options() {
    raft::RaftOptions options;
    options.id = 1;
    return options;
  }
  static raft::DurableState Durable() {
    pb::ReplicaMember third;
    third.set_node_id(3);
    third.set_life(1);
    raft::DurableState durable;
    durable.configuration = {{1, 2, 3}, {}, {}, {{3, third.SerializeAsString()}}};
    return durable;
  }
  void Turn() {
    LoopOutput out;
    out.outbox = &outbox_;
    group_.Process(out);
    for (const WriteTask& task : out.writes) {
      if (task.write_id != 0) group_.OnPersisted(task.write_id);
    }
    if (!out.writes.empty()) Turn();
  }
  void Send(NodeId, pb::RaftMessageBatch) override {}

  MemoryMachine machine_;
  Inbox inbox_;
  Outbox outbox_{this};
  Group group_;
};

TEST_CASE("what a replica acknowledged in an earlier life does not count") {
  LoneLeader leader;
  leader.Say(pb::RaftMessage::APPEND_REPLY, 3, 0);
  leader.Say(pb::RaftMessage::APPEND_REPLY, 3, 2);
  CHECK(leader.MatchOf(3) == 0);
  CHECK(leader.core().commit_index() == 0);
  leader.Say(pb::RaftMessage::APPEND_REPLY, 3, 1);
  CHECK(leader.MatchOf(3) == 1);
  leader.Say(pb::RaftMessage::APPEND_REPLY, 2, 0);
  REQUIRE(leader.core().commit_index() == 1);

  // From the moment that another life is in effect, nothing of the last one is known any more.
  pb::ReplicaMember third;
  third.set_node_id(3);
  third.set_life(2);
  REQUIRE(leader.Demote(third).ok());
  CHECK(ToString(leader.core().configuration()) == "1,2 from 1,2,3 learners 3");
  CHECK(leader.MatchOf(3) == 0);
  leader.Say(pb::RaftMessage::APPEND_REPLY, 3, 1);
  CHECK(leader.MatchOf(3) == 0);
  CHECK_FALSE(*leader.Demote(third));  // not committed yet
}

TEST_CASE("of the logs that were set aside the last few are kept") {
  RebuildCluster cluster(1);
  cluster.Kill(1);
  const std::string directory = cluster.Directory(1);
  for (int i = 0; i < 5; ++i) REQUIRE(SetSegmentsAside(directory).ok());
  REQUIRE(PruneSetAside(directory).ok());
  CHECK_FALSE(fs::exists(directory + "/damaged-2"));
  for (int i = 3; i <= 5; ++i) CHECK(fs::exists(directory + "/damaged-" + std::to_string(i)));
}

}  // namespace
}  // namespace openefs::replication::testing
