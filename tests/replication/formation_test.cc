// Whole nodes that meet for the first time, or come back as somebody else.
#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

TEST_CASE("the first start needs every node, later ones a majority") {
  NodeCluster cluster(3);
  REQUIRE(cluster.Start(1).ok());
  REQUIRE(cluster.Start(2).ok());
  // Two nodes that know of each other would have elected a leader many times over.
  REQUIRE(NodeCluster::Eventually([&] { return cluster.node(1).State().members.size() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_FALSE(cluster.node(1).State().formed);
  CHECK(cluster.node(1).Status(kGroup).term == 0);
  CHECK(cluster.Propose(1, "too early").code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.Barrier(1).code() == absl::StatusCode::kUnavailable);
  REQUIRE(cluster.Start(3).ok());
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(leader != 0);
  CHECK(cluster.Propose(leader, "a").ok());
  for (const NodeId id : cluster.voters()) REQUIRE(cluster.WaitForValues(id, {"a"}));
  cluster.KillAll();
  REQUIRE(cluster.Start(1).ok());
  REQUIRE(cluster.Start(2).ok());
  CHECK(cluster.Propose(cluster.WaitForLeader(), "b").ok());
}

TEST_CASE("a node whose directory was wiped is refused, says so, and the others go on") {
  NodeCluster cluster(3);
  cluster.StartAll();
  REQUIRE(cluster.Propose(cluster.WaitForLeader(), "a").ok());
  cluster.Kill(3);
  std::filesystem::remove_all(cluster.Directory(3));
  cluster.ForgetMachine(3);
  std::promise<absl::Status> told;
  cluster.options.on_fatal = [&](absl::Status why) { told.set_value(std::move(why)); };
  REQUIRE(cluster.Start(3).ok());
  cluster.options.on_fatal = nullptr;
  const absl::Status why = told.get_future().get();
  CHECK(why.message().find("replace-replica") != absl::string_view::npos);
  CHECK_FALSE(cluster.node(3).State().fatal.ok());
  CHECK(cluster.Propose(3, "x").code() == absl::StatusCode::kUnavailable);
  CHECK(cluster.Propose(cluster.WaitForLeader(3), "b").ok());
  CHECK(cluster.node(3).Status(kGroup).last_index == 0);
}

TEST_CASE("a node with another cluster's id stays out") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId other = leader % 3 + 1;
  cluster.Kill(other);
  std::filesystem::remove_all(cluster.Directory(other));
  cluster.ForgetMachine(other);
  cluster.options.cluster_id = "fedcba9876543210";
  REQUIRE(cluster.Start(other).ok());
  CHECK(NodeCluster::Eventually([&] {
    for (const NodeState::Peer& peer : cluster.node(leader).State().peers) {
      if (peer.node == other && peer.trouble.find("cluster") != std::string::npos) return true;
    }
    return false;
  }));
  CHECK_FALSE(cluster.node(other).State().formed);
  CHECK(cluster.Propose(leader, "a").ok());
}

TEST_CASE("a cluster of one forms by itself") {
  NodeCluster cluster(1);
  REQUIRE(cluster.Start(1).ok());
  CHECK(cluster.node(1).State().formed);
  CHECK(cluster.node(1).State().incarnation.size() == 16);
}

}  // namespace
}  // namespace openefs::replication::testing
