#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "control/bootstrap.h"

namespace openefs::control {
namespace {

std::vector<pb::DataNode> Nodes(int azs, int per_az) {
  std::vector<pb::DataNode> nodes;
  for (int az = 0; az < azs; ++az) {
    for (int i = 0; i < per_az; ++i) {
      pb::DataNode node;
      node.set_node_id(static_cast<uint32_t>(nodes.size() + 1));
      node.set_az("az-" + std::to_string(az));
      nodes.push_back(node);
    }
  }
  return nodes;
}

// How many fragments of a group lie in each AZ.
std::map<std::string, int> FragmentsByAz(const std::vector<pb::DataNode>& nodes,
                                         const pb::PlacementGroup& group) {
  std::map<std::string, int> count;
  for (const uint32_t id : group.node_ids()) ++count[nodes[id - 1].az()];
  return count;
}

}  // namespace

TEST_CASE("three AZs with two nodes each make one group of RS 3+3") {
  const auto nodes = Nodes(3, 2);
  const auto plan = PlanPlacementGroups(nodes);
  REQUIRE(plan.ok());
  REQUIRE(plan->size() == 1);
  CHECK(plan->front().code() == pb::RS_3_3);
  CHECK(plan->front().id() == 1);
  CHECK(FragmentsByAz(nodes, plan->front()) ==
        std::map<std::string, int>{{"az-0", 2}, {"az-1", 2}, {"az-2", 2}});
}

TEST_CASE("every group spreads its fragments evenly over distinct nodes of three AZs") {
  for (int per_az = 1; per_az <= 7; ++per_az) {
    const auto nodes = Nodes(3, per_az);
    const auto plan = PlanPlacementGroups(nodes);
    REQUIRE(plan.ok());
    std::set<uint32_t> used;
    for (const pb::PlacementGroup& group : *plan) {
      const std::set<uint32_t> distinct(group.node_ids().begin(), group.node_ids().end());
      CHECK(static_cast<int>(distinct.size()) == group.node_ids_size());
      for (const auto& [az, count] : FragmentsByAz(nodes, group)) {
        CHECK(count == group.node_ids_size() / 3);
      }
      used.insert(distinct.begin(), distinct.end());
    }
    CHECK(used.size() == nodes.size());
  }
}

TEST_CASE("nine nodes over three AZs use RS 5+4, three nodes RS 1+2") {
  CHECK(PlanPlacementGroups(Nodes(3, 3))->front().code() == pb::RS_5_4);
  CHECK(PlanPlacementGroups(Nodes(3, 1))->front().code() == pb::RS_1_2);
}

TEST_CASE("other numbers of AZs get one group, fewer than three nodes an error") {
  CHECK(PlanPlacementGroups(Nodes(1, 6))->front().code() == pb::RS_3_3);
  CHECK(PlanPlacementGroups(Nodes(2, 2))->front().code() == pb::RS_1_2);
  CHECK(PlanPlacementGroups(Nodes(5, 1))->front().node_ids_size() == 3);
  CHECK_FALSE(PlanPlacementGroups(Nodes(2, 1)).ok());
}

}  // namespace openefs::control
