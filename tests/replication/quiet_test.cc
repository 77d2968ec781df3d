// Groups that have nothing to do go quiet, and wake when they must.
#include "replication/node/quiet.h"

#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

bool AllQuiet(NodeCluster& cluster, const std::vector<NodeId>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](NodeId id) { return cluster.node(id).Status(kGroup).quiet; });
}

bool BecomesQuiet(NodeCluster& cluster, const std::vector<NodeId>& nodes) {
  return NodeCluster::Eventually([&] { return AllQuiet(cluster, nodes); });
}

TEST_CASE("other groups or terms give another sum, and only what lasts counts") {
  QuietVouch a;
  a.Add(1, 5);
  a.Add(2, 5);
  QuietVouch b;
  b.Add(2, 5);
  b.Add(1, 5);
  CHECK(a == b);
  QuietVouch c;
  c.Add(1, 5);
  c.Add(2, 6);
  CHECK_FALSE(a == c);
  QuietCheck check;
  CHECK_FALSE(check.Differs(2, a, c));
  CHECK_FALSE(check.Differs(2, a, b));
  CHECK_FALSE(check.Differs(2, a, c));
  CHECK_FALSE(check.Differs(2, a, c));
  CHECK_FALSE(check.Differs(3, a, c));
  CHECK(check.Differs(2, a, c));
  CHECK_FALSE(check.Differs(2, a, c));
}

TEST_CASE("an idle group goes quiet and serves as before") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(cluster.Propose(leader, "a").ok());
  REQUIRE(BecomesQuiet(cluster, cluster.voters()));
  const uint64_t term = cluster.node(leader).Status(kGroup).term;
  // Many election timeouts long.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(AllQuiet(cluster, cluster.voters()));
  CHECK(cluster.node(leader).Status(kGroup).term == term);
  CHECK(cluster.Barrier(leader).ok());
  CHECK(cluster.Propose(leader, "b").ok());
  for (const NodeId id : cluster.voters()) CHECK(cluster.WaitForValues(id, {"a", "b"}));
  REQUIRE(BecomesQuiet(cluster, cluster.voters()));
  CHECK(cluster.Transfer(leader, leader % 3 + 1).ok());
  CHECK(BecomesQuiet(cluster, cluster.voters()));
}

TEST_CASE("a quiet group whose leader dies elects another") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(cluster.Propose(leader, "a").ok());
  REQUIRE(BecomesQuiet(cluster, cluster.voters()));
  SECTION("with a good-bye") { cluster.Kill(leader); }
  SECTION("without one") {
    cluster.Isolate(leader, true);
    cluster.Kill(leader);
    cluster.Isolate(leader, false);
  }
  const NodeId next = cluster.WaitForLeader(leader);
  REQUIRE(next != 0);
  CHECK(cluster.Propose(next, "b").ok());
  const NodeId other = 6 - leader - next;
  CHECK(BecomesQuiet(cluster, {next, other}));  // with one that is dead
  cluster.machine(leader).LoseUnflushed();
  REQUIRE(cluster.Start(leader).ok());
  CHECK(cluster.WaitForValues(leader, {"a", "b"}));
  CHECK(BecomesQuiet(cluster, cluster.voters()));
}

TEST_CASE("a quiet leader that is cut off does not go on leading for ever") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(BecomesQuiet(cluster, cluster.voters()));
  cluster.Isolate(leader, true);
  const NodeId next = cluster.WaitForLeader(leader);
  REQUIRE(next != 0);
  CHECK(cluster.Propose(next, "b").ok());
  CHECK(NodeCluster::Eventually([&] { return !cluster.node(leader).Status(kGroup).is_leader; }));
  CHECK_FALSE(cluster.Barrier(leader).ok());
  cluster.Isolate(leader, false);
  CHECK(cluster.WaitForValues(leader, {"b"}));
  CHECK(BecomesQuiet(cluster, cluster.voters()));
}

TEST_CASE("a quiet group whose leader's state machine fails elects another, its node being alive") {
  NodeCluster cluster(3);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  REQUIRE(BecomesQuiet(cluster, cluster.voters()));
  cluster.node(leader).Fail(kGroup, absl::InternalError("told to fail"));
  const NodeId next = cluster.WaitForLeader(leader);
  REQUIRE(next != 0);
  CHECK(cluster.Propose(next, "b").ok());
}

}  // namespace
}  // namespace openefs::replication::testing
