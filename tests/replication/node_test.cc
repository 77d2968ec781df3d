// Whole nodes with threads and disks: three replicas in one process.
#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

std::vector<std::string> Numbers(int from, int to) {
  std::vector<std::string> values;
  for (int i = from; i < to; ++i) values.push_back("value " + std::to_string(i));
  return values;
}

// Proposes all at once on one node; every context must be answered, OK.
void ProposeAll(NodeCluster& cluster, NodeId leader, const std::vector<std::string>& values) {
  std::vector<std::shared_ptr<TestContext>> contexts;
  for (const std::string& value : values) {
    contexts.push_back(std::make_shared<TestContext>());
    cluster.node(leader).Propose(kGroup, value, contexts.back());
  }
  for (auto& context : contexts) REQUIRE(context->Wait().ok());
  for (auto& context : contexts) REQUIRE(context->calls() == 1);
}

TEST_CASE("a proposal reaches every replica in order") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(leader != 0);
  ProposeAll(cluster, leader, Numbers(0, 500));
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, Numbers(0, 500)));
  for (const NodeId id : cluster.voters()) CHECK(cluster.machine(id).wrong_leads() == 0);
  const GroupStatus status = cluster.node(leader).Status(kGroup);
  CHECK(status.is_leader);
  CHECK(status.leader == leader);
  CHECK(status.match_index.size() == 2);
}

TEST_CASE("a group of one voter works and survives a restart") {
  NodeCluster cluster(1);
  cluster.StartAll();
  REQUIRE(cluster.WaitForLeader() == 1);
  ProposeAll(cluster, 1, Numbers(0, 10));
  CHECK(cluster.Barrier(1).ok());
  cluster.Kill(1);
  cluster.machine(1).LoseUnflushed();
  REQUIRE(cluster.Start(1).ok());
  REQUIRE(cluster.WaitForLeader() == 1);
  CHECK(cluster.WaitForValues(1, Numbers(0, 10)));
}

TEST_CASE("a follower refuses proposals and barriers") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId follower = leader % 3 + 1;
  CHECK(cluster.Propose(follower, "x").code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.Barrier(follower).code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.Barrier(leader).ok());
}

TEST_CASE("another replica takes over when the leader is gone, and nothing is lost") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId first = cluster.WaitForLeader();
  ProposeAll(cluster, first, Numbers(0, 50));
  cluster.Kill(first);
  const NodeId second = cluster.WaitForLeader(first);
  REQUIRE(second != 0);
  ProposeAll(cluster, second, Numbers(50, 60));
  cluster.machine(first).LoseUnflushed();
  REQUIRE(cluster.Start(first).ok());
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, Numbers(0, 60)));
}

TEST_CASE("all replicas restart at once and apply again what was not flushed") {
  NodeCluster cluster(3);
  cluster.StartAll();
  ProposeAll(cluster, cluster.WaitForLeader(), Numbers(0, 30));
  cluster.KillAll();
  for (const NodeId id : cluster.voters()) cluster.machine(id).LoseUnflushed();
  cluster.StartAll();
  ProposeAll(cluster, cluster.WaitForLeader(), Numbers(30, 40));
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, Numbers(0, 40)));
}

TEST_CASE("a leader that is cut off neither commits nor answers barriers") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId old_leader = cluster.WaitForLeader();
  ProposeAll(cluster, old_leader, Numbers(0, 5));
  cluster.Isolate(old_leader, true);
  auto lost = std::make_shared<TestContext>();
  cluster.node(old_leader).Propose(kGroup, "lost", lost);
  CHECK(cluster.Barrier(old_leader).code() == absl::StatusCode::kUnavailable);
  // It was in the log when leadership went: nobody can tell here.
  CHECK(lost->Wait().code() == absl::StatusCode::kUnknown);
  const NodeId new_leader = cluster.WaitForLeader(old_leader);
  REQUIRE(new_leader != 0);
  ProposeAll(cluster, new_leader, Numbers(5, 10));
  cluster.Isolate(old_leader, false);
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, Numbers(0, 10)));
  CHECK(lost->calls() == 1);
  CHECK(cluster.machine(old_leader).wrong_leads() == 0);
}

TEST_CASE("without a majority nothing is acknowledged, and work goes on when one returns") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  for (const NodeId id : cluster.voters()) {
    if (id != leader) cluster.Kill(id);
  }
  CHECK(!cluster.Propose(leader, "alone").ok());
  CHECK(!cluster.Barrier(leader).ok());
  for (const NodeId id : cluster.voters()) {
    if (id != leader) REQUIRE(cluster.Start(id).ok());
  }
  const NodeId next = cluster.WaitForLeader();
  REQUIRE(next != 0);
  CHECK(cluster.Barrier(next).ok());
}

TEST_CASE("every context is answered exactly once when the node stops under load") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  std::vector<std::shared_ptr<TestContext>> contexts;
  for (int i = 0; i < 2000; ++i) {
    contexts.push_back(std::make_shared<TestContext>());
    cluster.node(leader).Propose(kGroup, "value " + std::to_string(i), contexts.back());
  }
  std::atomic<int> barriers{0};
  for (int i = 0; i < 100; ++i) {
    cluster.node(leader).ReadBarrier(kGroup, [&](absl::Status) { ++barriers; });
  }
  cluster.Kill(leader);
  CHECK(barriers == 100);
  for (auto& context : contexts) REQUIRE(context->calls() == 1);
}

TEST_CASE("proposals beyond the limits in flight are refused") {
  NodeCluster cluster(3);
  cluster.options.max_proposals_in_flight = 10;
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  cluster.Isolate(leader, true);
  std::vector<std::shared_ptr<TestContext>> contexts;
  for (int i = 0; i < 11; ++i) {
    contexts.push_back(std::make_shared<TestContext>());
    cluster.node(leader).Propose(kGroup, "x", contexts.back());
  }
  CHECK(contexts[10]->Wait().code() == absl::StatusCode::kUnavailable);
  CHECK(contexts[0]->Wait().code() == absl::StatusCode::kUnknown);
}

TEST_CASE("a follower that was away catches up from disk, and the log is cut when it has") {
  NodeCluster cluster(3);
  cluster.options.segment_bytes = 64 << 10;
  cluster.options.flush_log_bytes = 128 << 10;
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId away = leader % 3 + 1;
  cluster.Kill(away);
  std::vector<std::string> values;
  for (int i = 0; i < 64; ++i) values.push_back(std::to_string(i) + std::string(16 << 10, 'x'));
  ProposeAll(cluster, leader, values);
  // Nothing may be cut that the one that is away has not got.
  CHECK(cluster.node(leader).Status(kGroup).first_index <= 2);
  REQUIRE(cluster.Start(away).ok());
  CHECK(cluster.WaitForValues(away, values));
  for (const NodeId id : cluster.voters()) {
    CHECK(
        NodeCluster::Eventually([&] { return cluster.node(id).Status(kGroup).first_index > 30; }));
    const GroupStatus status = cluster.node(id).Status(kGroup);
    INFO("node " << id << " leader " << status.leader << " first " << status.first_index << " last "
                 << status.last_index << " commit " << status.commit_index << " applied "
                 << status.applied_index << " quiet " << status.quiet);
    CHECK(status.first_index > 30);
  }
  cluster.KillAll();
  for (const NodeId id : cluster.voters()) cluster.machine(id).LoseUnflushed();
  cluster.StartAll();
  REQUIRE(cluster.WaitForLeader() != 0);
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, values));
}

TEST_CASE("a node whose log fails acknowledges nothing more, and the others go on") {
  NodeCluster cluster(3);
  auto broken = std::make_shared<std::atomic<bool>>(false);
  cluster.StartAll();
  const NodeId victim = cluster.WaitForLeader();
  cluster.Kill(victim);
  cluster.options.log_fault = [broken](LogIo io) {
    return *broken && io == LogIo::kSync ? absl::DataLossError("fsync: Input/output error")
                                         : absl::OkStatus();
  };
  REQUIRE(cluster.Start(victim).ok());
  cluster.options.log_fault = nullptr;
  *broken = true;
  const NodeId leader = cluster.WaitForLeader(victim);
  REQUIRE(leader != 0);
  ProposeAll(cluster, leader, Numbers(0, 20));
  // Neither a leader's nor a follower's log that failed may count any more.
  CHECK(NodeCluster::Eventually([&] { return cluster.node(victim).Status(kGroup).leader == 0; }));
  CHECK(cluster.Propose(victim, "x").code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.Barrier(victim).code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.machine(victim).Values().empty());
}

TEST_CASE("a state machine that fails stops its replica only") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId victim = leader % 3 + 1;
  cluster.machine(victim).FailOn("poison");
  ProposeAll(cluster, leader, {"good", "poison", "more"});
  CHECK(NodeCluster::Eventually([&] { return cluster.node(victim).Status(kGroup).leader == 0; }));
  CHECK(cluster.machine(victim).Values().size() <= 1);
  ProposeAll(cluster, leader, {"after"});
}

TEST_CASE("a log of another node, or one that is gone, is refused") {
  NodeCluster cluster(3);
  cluster.StartAll();
  ProposeAll(cluster, cluster.WaitForLeader(), Numbers(0, 5));
  for (const NodeId id : cluster.voters()) REQUIRE(cluster.WaitForValues(id, Numbers(0, 5)));
  cluster.KillAll();
  SECTION("gone") {
    std::filesystem::remove_all(cluster.Directory(1));
    CHECK(cluster.Start(1).code() == absl::StatusCode::kDataLoss);
  }
  SECTION("of another node") {
    std::filesystem::remove_all(cluster.Directory(1));
    std::filesystem::rename(cluster.Directory(2), cluster.Directory(1));
    CHECK(cluster.Start(1).code() == absl::StatusCode::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace openefs::replication::testing
