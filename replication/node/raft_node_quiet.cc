// What a node does about its quiet groups: quiet.h.
#include <algorithm>

#include "replication/node/raft_node.h"

namespace openefs::replication {

const QuietVouch& RaftNode::VouchFor(NodeId peer) {
  const auto [known, is_new] = vouches_.try_emplace(peer);
  if (!is_new) return known->second;
  for (const auto& [id, group] : groups_) {
    const raft::Raft& core = group->core();
    if (!group->quiet() || !core.leads() || !core.configuration().Contains(peer)) continue;
    known->second.Add(id, core.term());
  }
  return known->second;
}

const QuietVouch& RaftNode::ExpectedOf(NodeId peer) {
  const auto [known, is_new] = expected_.try_emplace(peer);
  if (!is_new) return known->second;
  for (const auto& [id, group] : groups_) {
    const raft::Raft& core = group->core();
    if (group->quiet() && core.leader() == peer) known->second.Add(id, core.term());
  }
  return known->second;
}

void RaftNode::CheckVouch(const pb::RaftMessageBatch& batch) {
  const QuietVouch said{batch.quiet_groups(), batch.quiet_sum()};
  if (quiet_check_.Differs(batch.from(), said, ExpectedOf(batch.from()))) {
    WakeFollowersOf(batch.from());
  }
}

void RaftNode::WakeFollowersOf(NodeId peer) {
  for (const auto& [id, group] : groups_) {
    if (group->quiet() && group->core().leader() == peer) Touch(id)->Wake();
  }
}

// Groups that follow it have heard nothing for as long as its node was silent; those led here may
// no longer have a majority.
void RaftNode::OnPeerLost(NodeId peer) {
  quiet_check_.Forget(peer);
  const int64_t now_ms = clock_->MonotonicMs();
  for (const auto& [id, group] : groups_) {
    if (!group->quiet()) continue;
    const raft::Raft& core = group->core();
    if (core.leader() == peer) {
      // Of one that was removed meanwhile nothing is known.
      const int64_t heard_ms = peers_->HeardMs(peer);
      const int64_t silent_ms = heard_ms == 0 ? 0 : now_ms - heard_ms;
      Touch(id)->WakeAfter(static_cast<int>(
          std::min<int64_t>(silent_ms / options_.tick_ms, options_.election_ticks)));
    } else if (core.leads() && core.configuration().Contains(peer)) {
      Touch(id)->Wake();
    }
  }
}

// What went on without it.
void RaftNode::OnPeerBack(NodeId peer) {
  for (const auto& [id, group] : groups_) {
    const raft::Raft& core = group->core();
    if (group->quiet() && core.leads() && core.configuration().Contains(peer)) Touch(id)->Wake();
  }
}

}  // namespace openefs::replication
