// What a cluster's groups can bear to lose, and changes of their members.
#include <algorithm>

#include "tests/sim/cluster.h"

namespace openefs::sim {
namespace {

using replication::raft::Configuration;

// A joint configuration needs both of its halves.
bool GoesOnWithout(const Configuration& members, const std::function<bool(NodeId)>& lost) {
  const std::vector<NodeId> all = members.Members();
  const auto count = static_cast<size_t>(std::count_if(all.begin(), all.end(), lost));
  size_t fewest = members.voters.size();
  if (members.joint()) fewest = std::min(fewest, members.voters_outgoing.size());
  return 2 * count < fewest;
}

}  // namespace

// Learners count as voters: that is what they are about to be, often in place of one.
bool Cluster::CanLose(const SimNode& node) const {
  if (ChangeUnderWay()) return false;
  const auto lost = [&](NodeId id) { return id == node.id() || Find(id)->rotten; };
  for (const auto& [group, checkers] : env_.checkers) {
    for (const Configuration& members : checkers.membership().Possible()) {
      if (members.Contains(node.id()) && !GoesOnWithout(members, lost)) return false;
    }
  }
  return true;
}

bool Cluster::CanRemove(GroupId group, NodeId node) const {
  for (Configuration members : env_.checkers.at(group).membership().Possible()) {
    std::erase(members.voters, node);
    std::erase(members.voters_outgoing, node);
    std::erase(members.learners, node);
    if (!GoesOnWithout(members, [this](NodeId id) { return Find(id)->rotten; })) return false;
  }
  return true;
}

bool Cluster::IsMember(NodeId node) const {
  for (const auto& [group, checkers] : env_.checkers) {
    for (const Configuration& members : checkers.membership().Possible()) {
      if (members.Contains(node)) return true;
    }
  }
  return false;
}

bool Cluster::WasMember(NodeId node) const {
  return std::any_of(env_.checkers.begin(), env_.checkers.end(),
                     [node](const auto& item) { return item.second.membership().Had(node); });
}

void Cluster::AskChange(SimNode& leader, GroupId group, const replication::MemberChange& change) {
  env_.counts.Add("changes of members asked");
  asked_ = &leader;
  asked_incarnation_ = leader.incarnation();
  leader.ChangeMembers(group, change, [this](const absl::Status& status) {
    asked_ = nullptr;
    env_.counts.Add(status.ok() ? "changes of members done" : "changes of members not done");
  });
}

// With the process that was asked goes what it had not begun.
bool Cluster::ChangeUnderWay() const {
  return asked_ != nullptr && asked_->incarnation() == asked_incarnation_;
}

}  // namespace openefs::sim
