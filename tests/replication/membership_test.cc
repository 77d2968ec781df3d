// Replicas that come, go and take each other's place while values are written.
#include "replication/node/membership.h"

#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

std::string Incarnation(NodeId id) { return std::string(16, static_cast<char>('a' + id)); }

MemberChange Add(NodeId id, NodeId replaces = 0) {
  MemberChange change;
  change.add.set_node_id(id);
  change.add.set_incarnation(Incarnation(id));
  change.add.set_replaces(replaces);
  return change;
}
MemberChange Remove(NodeId id) {
  MemberChange change;
  change.remove = id;
  return change;
}

TEST_CASE("what a change makes of a configuration") {
  const raft::Configuration three{{1, 2, 3}, {}, {}};
  const auto learner = TargetOf(three, Add(4, 1));
  REQUIRE((learner.ok() && learner->has_value()));
  CHECK(ToString(**learner) == "1,2,3 learners 4");
  CHECK(MembersIn(**learner).front().incarnation() == Incarnation(4));

  SECTION("a learner that has caught up takes the place of whom it replaces") {
    CHECK_FALSE(Promoted(**learner, [](NodeId) { return false; }).has_value());
    const auto promoted = Promoted(**learner, [](NodeId) { return true; });
    REQUIRE(promoted.has_value());
    CHECK(ToString(*promoted) == "2,3,4");
    CHECK(IsValid(*promoted));
    CHECK(MembersIn(*promoted).size() == 1);
  }
  SECTION("what is so already needs no change") {
    CHECK_FALSE(TargetOf(**learner, Add(4, 1))->has_value());
    CHECK_FALSE(TargetOf(three, Remove(7))->has_value());
  }
  SECTION("a learner may be taken back") {
    CHECK(ToString(**TargetOf(**learner, Remove(4))) == "1,2,3");
  }
  SECTION("what makes no sense is refused") {
    MemberChange other = Add(4);
    other.add.set_incarnation("another");
    CHECK(TargetOf(**learner, other).status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(TargetOf(three, Add(5, 7)).status().code() == absl::StatusCode::kInvalidArgument);
    const raft::Configuration one{{1}, {}, {}};
    CHECK(TargetOf(one, Remove(1)).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("notes travel with a configuration, through the joint one, and go with their members") {
  raft::Configuration from{{1, 2, 3}, {}, {}};
  from.notes[1] = "one";
  raft::Configuration to{{2, 3, 4}, {}, {}};
  to.notes[4] = "four";
  const raft::Configuration joint = JointOf(from, to);
  CHECK(joint.notes.size() == 2);
  const auto decoded = raft::DecodeConfiguration(EncodeConfiguration(joint));
  REQUIRE(decoded.has_value());
  CHECK(*decoded == joint);
  CHECK(FinalOf(joint).notes == to.notes);
  to.notes[4] = std::string(raft::kMaxNoteBytes + 1, 'x');
  CHECK_FALSE(raft::IsValid(to));
}

// Proposes numbered values on whoever leads, one after the other, until it is stopped.
class Load {
 public:
  explicit Load(NodeCluster* cluster) : cluster_(cluster), thread_([this] { Run(); }) {}
  ~Load() { Stop(); }
  std::vector<std::string> Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return acknowledged_;
  }
  size_t count() const { return count_; }

 private:
  void Run() {
    for (int i = 0; !stop_; ++i) {
      const std::string value = "load " + std::to_string(i);
      const NodeId leader = cluster_->WaitForLeader();
      if (leader == 0 || !cluster_->Propose(leader, value).ok()) continue;
      acknowledged_.push_back(value);
      ++count_;
    }
  }
  NodeCluster* const cluster_;
  std::atomic<bool> stop_{false};
  std::atomic<size_t> count_{0};
  std::vector<std::string> acknowledged_;
  std::thread thread_;
};

void CheckHolds(NodeCluster& cluster, NodeId id, const std::vector<std::string>& values) {
  INFO("node " << id);
  CHECK(NodeCluster::Eventually([&] {
    const std::vector<std::string> have = cluster.machine(id).Values();
    const std::set<std::string> set(have.begin(), have.end());
    return std::all_of(values.begin(), values.end(),
                       [&](const auto& v) { return set.contains(v); });
  }));
  std::map<std::string, int> times;
  for (const std::string& value : cluster.machine(id).Values()) ++times[value];
  for (const std::string& value : values) CHECK(times[value] == 1);
}

// Asks whoever leads until it is done, as an operator's command does.
absl::Status ChangeSomehow(NodeCluster& cluster, const MemberChange& change) {
  absl::Status status;
  NodeCluster::Eventually([&] {
    status = cluster.Change(cluster.WaitForLeader(), change);
    return status.ok() || status.code() == absl::StatusCode::kInvalidArgument;
  });
  return status;
}

TEST_CASE("a dead replica is replaced by a new one while values are written") {
  NodeCluster cluster(3, 1);
  cluster.StartAll();
  REQUIRE(cluster.WaitForLeader() != 0);
  Load load(&cluster);
  cluster.Kill(3);
  std::filesystem::remove_all(cluster.Directory(3));
  cluster.options.voters = {1, 2, 3, 4};  // as its configuration file would list them
  REQUIRE(cluster.Start(4).ok());
  cluster.options.voters = {};
  CHECK_FALSE(cluster.node(4).State().formed);
  REQUIRE(ChangeSomehow(cluster, cluster.Adding(4, 3)).ok());
  for (const NodeId id : {1, 2, 4}) CHECK(cluster.WaitForVoters(id, {1, 2, 4}));
  const size_t before = load.count();
  CHECK(NodeCluster::Eventually([&] { return load.count() > before + 10; }));
  const std::vector<std::string> acknowledged = load.Stop();
  for (const NodeId id : {1, 2, 4}) CheckHolds(cluster, id, acknowledged);
  CHECK(ChangeSomehow(cluster, cluster.Adding(4, 3)).ok());  // again: nothing to do

  SECTION("the replaced one is told when it comes back") {
    cluster.ForgetMachine(3);
    std::promise<absl::Status> told;
    cluster.options.on_fatal = [&](absl::Status why) { told.set_value(std::move(why)); };
    REQUIRE(cluster.Start(3).ok());
    CHECK(told.get_future().get().message().find("was removed") != absl::string_view::npos);
  }
  SECTION("its id is not used again") {
    cluster.ForgetMachine(3);
    REQUIRE(cluster.Start(3).ok());
    CHECK(ChangeSomehow(cluster, cluster.Adding(3)).code() == absl::StatusCode::kInvalidArgument);
  }
  SECTION("the new members are remembered over a restart") {
    for (const NodeId id : {1, 2, 4}) {
      cluster.Kill(id);
      cluster.machine(id).LoseUnflushed();
    }
    for (const NodeId id : {2, 4}) REQUIRE(cluster.Start(id).ok());
    const NodeId leader = cluster.WaitForLeader();
    CHECK(cluster.Propose(leader, "after").ok());
    CHECK(cluster.WaitForVoters(leader, {1, 2, 4}));
  }
}

TEST_CASE("a group grows and shrinks, also by its leader") {
  NodeCluster cluster(3, 2);
  cluster.StartAll();
  REQUIRE(cluster.Propose(cluster.WaitForLeader(), "a").ok());
  for (const NodeId id : {4, 5}) {
    REQUIRE(cluster.Start(id).ok());
    REQUIRE(ChangeSomehow(cluster, cluster.Adding(id)).ok());
  }
  for (const NodeId id : {1, 2, 3, 4, 5}) CHECK(cluster.WaitForVoters(id, {1, 2, 3, 4, 5}));
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(ChangeSomehow(cluster, Remove(leader)).ok());
  const NodeId next = cluster.WaitForLeader(leader);
  REQUIRE(next != 0);
  CHECK(cluster.Propose(next, "b").ok());
  std::vector<NodeId> left = {1, 2, 3, 4, 5};
  std::erase(left, leader);
  for (const NodeId id : left) CHECK(cluster.WaitForVoters(id, left));
  CHECK(NodeCluster::Eventually([&] { return !cluster.node(leader).State().fatal.ok(); }));
  for (const NodeId id : left) CHECK(cluster.WaitForValues(id, {"a", "b"}));
}

TEST_CASE("a change that would leave too few voters alive is refused") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId dead = leader % 3 + 1;
  const NodeId other = 6 - leader - dead;
  cluster.Kill(dead);
  CHECK(NodeCluster::Eventually([&] {
    return cluster.Change(cluster.WaitForLeader(), Remove(other)).code() ==
           absl::StatusCode::kUnavailable;
  }));
  CHECK(ChangeSomehow(cluster, Remove(dead)).ok());
}

TEST_CASE("leadership goes where it is asked to, and away before a clean stop") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId first = cluster.WaitForLeader();
  const NodeId second = first % 3 + 1;
  CHECK(cluster.Transfer(second, first).code() == absl::StatusCode::kFailedPrecondition);
  REQUIRE(cluster.Transfer(first, second).ok());
  REQUIRE(cluster.WaitForLeader(first) == second);
  CHECK(cluster.Transfer(second, second).ok());
  CHECK(cluster.Transfer(second, 9).code() == absl::StatusCode::kUnavailable);
  Load load(&cluster);
  for (int i = 0; i < 6; ++i) {
    const NodeId leader = cluster.WaitForLeader();
    cluster.node(leader).HandOver(5'000);
    CHECK(cluster.WaitForLeader(leader) != 0);
  }
  const std::vector<std::string> acknowledged = load.Stop();
  for (const NodeId id : cluster.voters()) CheckHolds(cluster, id, acknowledged);
}

}  // namespace
}  // namespace openefs::replication::testing
