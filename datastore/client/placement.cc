#include "datastore/client/placement.h"

#include <bit>
#include <limits>

#include "common/log.h"

namespace openefs::datastore {
namespace {

using Nodes = std::map<NodeId, GroupMember>;

Nodes ConnectNodes(const pb::ClusterMap& map, const Placement::Connect& connect,
                   Placement::Connections* connections) {
  Nodes nodes;
  Placement::Connections kept;
  for (const pb::DataNode& node : map.data_nodes()) {
    GroupMember& member = nodes[node.node_id()];
    member = {node.node_id(), node.az(), node.status(), nullptr};
    if (node.status() == pb::NODE_GONE) continue;
    const std::pair<NodeId, std::string> key{node.node_id(), node.address()};
    const auto known = connections->find(key);
    member.client = known != connections->end() ? known->second : connect(node);
    if (member.client == nullptr) member.status = pb::NODE_GONE;
    kept[key] = member.client;
  }
  *connections = std::move(kept);
  return nodes;
}

// Null spec: this version cannot serve it.
PlacementGroup MakeGroup(const pb::PlacementGroup& group, const Nodes& nodes) {
  PlacementGroup made;
  const CodeSpec* spec = FindCode(group.code());
  if (spec == nullptr || group.node_ids_size() != spec->n() ||
      group.id() > std::numeric_limits<uint16_t>::max()) {
    return made;
  }
  made.id = static_cast<uint16_t>(group.id());
  made.spec = spec;
  for (const uint32_t node_id : group.node_ids()) {
    const auto node = nodes.find(node_id);
    if (node != nodes.end() && node->second.status == pb::NODE_UP) {
      made.up_mask |= uint32_t{1} << made.members.size();
    }
    made.members.push_back(node == nodes.end() ? GroupMember{} : node->second);
  }
  return made;
}

// What kind of group a new blob prefers: 2 all nodes up, 1 enough for a write, 0 any.
int Rank(const PlacementGroup& group) {
  if (group.AllUp()) return 2;
  return std::popcount(group.up_mask) >= group.spec->DegradedQuorum() ? 1 : 0;
}

}  // namespace

bool PlacementGroup::SurvivesAnyAz(uint32_t durable) const {
  std::map<std::string, int> in_az;
  for (size_t i = 0; i < members.size(); ++i) {
    if (durable >> i & 1) ++in_az[members[i].az];
  }
  for (const auto& [az, count] : in_az) {
    if (std::popcount(durable) - count < spec->k) return false;
  }
  return true;
}

bool PlacementGroup::Acknowledges(uint32_t durable) const {
  if (AllUp()) {
    // In a lab with fewer than three AZs no quorum survives one; there, everything must be durable.
    if (durable == spec->AllMask()) return true;
    return std::popcount(durable) >= spec->WriteQuorum() && SurvivesAnyAz(durable);
  }
  // What nodes that are down have does not count: they may be gone for good.
  return (durable & up_mask) == up_mask && std::popcount(up_mask) >= spec->DegradedQuorum();
}

Placement::Placement(const pb::ClusterMap& map, const Connect& connect, Connections* connections) {
  const Nodes nodes = ConnectNodes(map, connect, connections);
  for (const pb::PlacementGroup& group : map.placement_groups()) {
    PlacementGroup made = MakeGroup(group, nodes);
    if (made.spec == nullptr) {
      Log(LogLevel::kError, "datastore.placement_group_unusable", {{"group", group.id()}});
      continue;
    }
    groups_[made.id] = std::move(made);
  }
  int best_rank = 0;
  for (const auto& [id, group] : groups_) {
    if (Rank(group) < best_rank) continue;
    if (Rank(group) > best_rank) best_.clear();
    best_rank = Rank(group);
    best_.push_back(&group);
  }
}

const PlacementGroup* Placement::Find(uint16_t id) const {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : &it->second;
}

const PlacementGroup* Placement::Find(uint16_t id, const CodeSpec& spec) const {
  const PlacementGroup* group = Find(id);
  return group == nullptr || group->spec->code != spec.code ? nullptr : group;
}

const PlacementGroup* Placement::Choose(uint64_t turn) const {
  return best_.empty() ? nullptr : best_[turn % best_.size()];
}

}  // namespace openefs::datastore
