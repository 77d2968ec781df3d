#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/bootstrap.h"

namespace openefs::control {
namespace {

struct Shape {
  pb::Code code;
  size_t nodes_per_az;
};

using NodesByAz = std::map<std::string, std::vector<uint32_t>>;

NodesByAz GroupByAz(const std::vector<pb::DataNode>& nodes) {
  NodesByAz by_az;
  for (const pb::DataNode& node : nodes) by_az[node.az()].push_back(node.node_id());
  for (auto& [az, ids] : by_az) std::sort(ids.begin(), ids.end());
  return by_az;
}

// Fragment i of a group lies in AZ i mod (number of AZs), so data fragments are spread as evenly as
// parity. Successive groups start one node further in every AZ.
pb::PlacementGroup Interleave(const NodesByAz& by_az, const Shape& shape, size_t first) {
  pb::PlacementGroup group;
  group.set_code(shape.code);
  for (size_t i = 0; i < shape.nodes_per_az; ++i) {
    for (const auto& [az, ids] : by_az) group.add_node_ids(ids[(first + i) % ids.size()]);
  }
  return group;
}

// Three AZs: the code that survives an AZ and a node where the nodes allow it.
Shape ShapeForThreeAzs(size_t fewest_nodes_in_an_az) {
  if (fewest_nodes_in_an_az == 1) return {pb::RS_1_2, 1};
  if (fewest_nodes_in_an_az == 3) return {pb::RS_5_4, 3};
  return {pb::RS_3_3, 2};
}

std::vector<pb::PlacementGroup> PlanThreeAzs(const NodesByAz& by_az) {
  size_t fewest = SIZE_MAX;
  size_t most = 0;
  for (const auto& [az, ids] : by_az) {
    fewest = std::min(fewest, ids.size());
    most = std::max(most, ids.size());
  }
  const Shape shape = ShapeForThreeAzs(fewest);
  // As many groups as give every node its share; one where a group has all the nodes of every AZ.
  const size_t groups = most == shape.nodes_per_az ? 1 : most;
  std::vector<pb::PlacementGroup> plan;
  for (size_t i = 0; i < groups; ++i) plan.push_back(Interleave(by_az, shape, i));
  return plan;
}

// Any other number of AZs: a single group over the first six (or three) nodes taken in turns.
pb::PlacementGroup PlanOtherAzs(const NodesByAz& by_az, size_t nodes) {
  const size_t wanted = nodes >= 6 ? 6 : 3;
  pb::PlacementGroup group;
  group.set_code(wanted == 6 ? pb::RS_3_3 : pb::RS_1_2);
  for (size_t row = 0; static_cast<size_t>(group.node_ids_size()) < wanted; ++row) {
    for (const auto& [az, ids] : by_az) {
      if (row < ids.size() && static_cast<size_t>(group.node_ids_size()) < wanted) {
        group.add_node_ids(ids[row]);
      }
    }
  }
  return group;
}

}  // namespace

absl::StatusOr<std::vector<pb::PlacementGroup>> PlanPlacementGroups(
    const std::vector<pb::DataNode>& nodes) {
  if (nodes.size() < 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "at least 3 data nodes are needed to keep data safe, there are ", nodes.size()));
  }
  const NodesByAz by_az = GroupByAz(nodes);
  std::vector<pb::PlacementGroup> plan;
  if (by_az.size() == 3) {
    plan = PlanThreeAzs(by_az);
  } else {
    plan.push_back(PlanOtherAzs(by_az, nodes.size()));
  }
  for (size_t i = 0; i < plan.size(); ++i) plan[i].set_id(static_cast<uint32_t>(i + 1));
  return plan;
}

}  // namespace openefs::control
