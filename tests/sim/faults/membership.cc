// What operators do: replicas are added, removed and replaced, mostly by machines that are new,
// sometimes by ones that were members before. Those that were removed go on running until somebody
// takes them away.
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {
namespace {

using replication::MemberChange;
using replication::raft::Configuration;

// Each costs the run as much as a first member.
constexpr size_t kMaxNewNodes = 4;
constexpr size_t kMaxVoters = 6;

void TakeAwaySome(Cluster& cluster) {
  for (const auto& node : cluster.nodes()) {
    const bool removed = cluster.WasMember(node->id()) && !cluster.IsMember(node->id());
    if (removed && !node->retired() && cluster.env().random.Chance(300)) node->Retire();
  }
}

// Somebody to be added; null: nobody.
SimNode* Newcomer(Cluster& cluster, const Configuration& now) {
  std::vector<SimNode*> idle;
  for (const auto& node : cluster.nodes()) {
    if (node->up() && !node->rotten && !now.Contains(node->id())) idle.push_back(node.get());
  }
  SimRandom& random = cluster.env().random;
  const bool full =
      cluster.nodes().size() >= static_cast<size_t>(cluster.env().options.nodes) + kMaxNewNodes;
  if (!idle.empty() && (full || random.Chance(300))) return idle[random.Below(idle.size())];
  if (full) return nullptr;
  cluster.env().counts.Add("machines added");
  return &cluster.AddNode();
}

// One that will not come back, if there is one.
NodeId Outgoing(Cluster& cluster, const Configuration& now) {
  for (const NodeId voter : now.voters) {
    if (cluster.Find(voter)->refused()) return voter;
  }
  return now.voters[cluster.env().random.Below(now.voters.size())];
}

MemberChange Addition(NodeId node, NodeId replaced) {
  constexpr size_t kIncarnationBytes = 16;
  MemberChange change;
  change.add.set_node_id(node);
  change.add.set_incarnation(std::string(kIncarnationBytes, static_cast<char>('a' + node)));
  change.add.set_replaces(replaced);
  return change;
}

// Nothing to do: an empty one.
MemberChange ChooseChange(Cluster& cluster, GroupId group, const Configuration& now) {
  SimRandom& random = cluster.env().random;
  MemberChange change;
  if (random.Chance(350)) {
    const std::vector<NodeId> members = now.Members();
    const NodeId leaving = members[random.Below(members.size())];
    const bool lonely = now.voters.size() <= 2 && !random.Chance(150);
    if (!lonely && cluster.CanRemove(group, leaving)) change.remove = leaving;
    return change;
  }
  const bool replace = now.voters.size() >= kMaxVoters || random.Chance(600);
  SimNode* added = Newcomer(cluster, now);
  if (added == nullptr) return change;
  return Addition(added->id(), replace ? Outgoing(cluster, now) : 0);
}

}  // namespace

void StrikeMemberChange(Cluster& cluster) {
  if (cluster.ChangeUnderWay()) return;
  TakeAwaySome(cluster);
  const GroupId group = cluster.env().AnyGroup();
  SimNode* leader = cluster.Leader(group);
  if (leader == nullptr) return;
  const Configuration now = leader->process()->core(group).configuration();
  const MemberChange change = ChooseChange(cluster, group, now);
  if (change.remove == 0 && change.add.node_id() == 0) return;
  cluster.AskChange(*leader, group, change);
}

}  // namespace openefs::sim
