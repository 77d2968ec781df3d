#include "metadata/service/node_monitor.h"

#include <catch2/catch.hpp>

namespace openefs::metadata {
namespace {

pb::DataNode Node(uint32_t id, pb::NodeStatus status) {
  pb::DataNode node;
  node.set_node_id(id);
  node.set_status(status);
  return node;
}

TEST_CASE("a fresh leader waits one timeout before it judges anybody") {
  NodeMonitor monitor(3000);
  monitor.Heard(1, 0);
  monitor.Reset(10'000);
  const std::vector<pb::DataNode> nodes = {Node(1, pb::NODE_UP)};
  CHECK(monitor.Judge(nodes, 13'000).empty());
  const auto changes = monitor.Judge(nodes, 13'001);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].node_id() == 1);
  CHECK(changes[0].status() == pb::NODE_DOWN);
}

TEST_CASE("nodes go down in silence, come up when heard, and never come back from GONE") {
  NodeMonitor monitor(3000);
  monitor.Reset(0);
  const std::vector<pb::DataNode> nodes = {Node(1, pb::NODE_UP), Node(2, pb::NODE_DOWN),
                                           Node(3, pb::NODE_DOWN), Node(4, pb::NODE_GONE)};
  monitor.Heard(1, 2000);
  monitor.Heard(2, 2000);
  monitor.Heard(4, 2000);
  const auto changes = monitor.Judge(nodes, 4000);
  REQUIRE(changes.size() == 1);  // 3 was not heard of, so it stays down
  CHECK(changes[0].node_id() == 2);
  CHECK(changes[0].status() == pb::NODE_UP);
  // Heard once, but too long ago.
  CHECK(monitor.Judge({Node(2, pb::NODE_DOWN)}, 5001).empty());
}

TEST_CASE("a node that says it is failing goes down at once, and comes up when it says otherwise") {
  NodeMonitor monitor(3000);
  monitor.Reset(0);
  monitor.Heard(1, 100);
  CHECK(monitor.Judge({Node(1, pb::NODE_UP)}, 200).empty());
  monitor.HeardFailing(1, 300);
  const auto changes = monitor.Judge({Node(1, pb::NODE_UP)}, 300);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].status() == pb::NODE_DOWN);
  CHECK(monitor.Judge({Node(1, pb::NODE_DOWN)}, 400).empty());
  monitor.Heard(1, 500);  // restarted
  CHECK(monitor.Judge({Node(1, pb::NODE_DOWN)}, 500).size() == 1);
}

}  // namespace
}  // namespace openefs::metadata
