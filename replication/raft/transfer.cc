// Leadership transfer (thesis 3.10): the target gets all entries, then is told to stand for
// election at once, past PreVote and past the loyalty of those who hear from their leader.
#include "replication/raft/raft.h"

namespace openefs::replication::raft {

bool Raft::TransferLeadership(NodeId to) {
  if (!leads()) return false;
  if (transferee_ != 0) return transferee_ == to;
  const auto found = progress_.find(to);
  if (found == progress_.end() || !configuration().IsIncomingVoter(to)) return false;
  if (found->second.state() == Progress::State::kSnapshot) return false;
  transferee_ = to;
  transfer_elapsed_ = 0;
  ContinueTransfer();
  return true;
}

void Raft::TickTransfer() {
  if (transferee_ != 0 && ++transfer_elapsed_ >= options_.election_ticks) transferee_ = 0;
}

// Again with every heartbeat: the message may be lost, and a second one does no harm.
void Raft::ContinueTransfer() {
  if (transferee_ == 0) return;
  if (progress_.at(transferee_).match() != log_.last_index()) return;
  // From now on somebody may be elected while those who vouched for this leader still hear from it,
  // however late the message arrives.
  lease_void_ = true;
  SendNow(MakeMessage(pb::RaftMessage::TIMEOUT_NOW, transferee_));
}

void Raft::HandleTimeoutNow(const pb::RaftMessage& m) {
  const bool waits = role_ == Role::kFollower || role_ == Role::kPreCandidate;
  if (!waits || !CanCampaign()) return;
  if (leader_ != 0 && leader_ != m.from()) return;
  BecomeCandidate(true);
}

}  // namespace openefs::replication::raft
