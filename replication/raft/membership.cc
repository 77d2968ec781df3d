// Changes of the group's members (paper section 6): one at a time, in effect when appended.
#include <utility>

#include "common/check.h"
#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {

uint64_t Raft::ProposeConfiguration(Configuration target) {
  target = Normalized(std::move(target));
  const Configuration& now = history_.current();
  if (!accepts_proposals() || now.joint() || !configuration_committed()) return 0;
  // Before an entry of its own term is committed, a leader may not know of another change.
  if (hard_.commit < term_start_) return 0;
  if (!IsValid(target) || target.joint() || target == now) return 0;
  const bool one_step = target.voters == now.voters ||
                        options_.planted_bug == PlantedBug::kConfigurationWhenCommitted;
  AppendConfiguration(one_step ? std::move(target) : JointOf(now, target));
  return log_.last_index();
}

void Raft::AppendConfiguration(Configuration configuration) {
  auto data = std::make_shared<const std::string>(EncodeConfiguration(configuration));
  history_.Append(log_.last_index() + 1, std::move(configuration));
  UpdateMembers();
  AppendOwn(EntryKind::kConfiguration, std::move(data));
  BroadcastAppend();
}

// What the leader does by itself once a configuration is committed.
void Raft::AdvanceConfiguration() {
  if (options_.planted_bug == PlantedBug::kConfigurationWhenCommitted) UpdateMembers();
  if (!configuration_committed()) return;
  if (history_.current().joint()) return AppendConfiguration(FinalOf(history_.current()));
  if (!history_.current().IsVoter(options_.id)) LeaveLeadership();
}

// Leader: followers are the members in effect.
void Raft::UpdateMembers() {
  const Configuration& now = configuration();
  std::erase_if(progress_, [&](const auto& item) { return !now.Contains(item.first); });
  for (const NodeId node : now.Members()) {
    if (node == options_.id) continue;
    const auto [added, is_new] = progress_.emplace(node, Progress(log_.last_index() + 1));
    // It has not had the time to answer: that must not depose the leader.
    if (is_new) added->second.recently_active = true;
  }
  if (!progress_.contains(transferee_)) transferee_ = 0;
  ForgetPrompt();
  ConfirmBarriers();  // fewer answers may be enough now
}

// Paper section 6: the leader is not in the new configuration and steps down once that is
// committed. It tells what is committed, and the one that has most to stand for election, so that
// nobody waits for a timeout.
void Raft::LeaveLeadership() {
  BroadcastHeartbeat();
  NodeId next = 0;
  for (const NodeId voter : history_.current().voters) {
    const bool better = next == 0 || progress_.at(voter).match() > progress_.at(next).match();
    if (better) next = voter;
  }
  SendNow(MakeMessage(pb::RaftMessage::TIMEOUT_NOW, next));
  BecomeFollower(hard_.term, 0);
}

}  // namespace openefs::replication::raft
