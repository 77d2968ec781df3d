// Linearizable reads without a log entry (thesis 6.4). A barrier takes the commit index of its
// moment, or the term's no-op if that is not committed yet, and holds once a majority has answered
// a heartbeat sent after it and that index is handed to the state machine. Barriers are numbered
// monotonically, and a reply vouches only for the number it echoes: an old reply, however late,
// cannot vouch for a new barrier. A read lease, where one is held, takes the place of the answers.
//
// Any majority will do, so not everybody is asked every time: the first barrier after each tick
// goes to all, and the majority that answers it first is asked alone until the next tick. What one
// of them leaves unanswered is asked of all with that tick.
#include <algorithm>
#include <utility>
#include <vector>

#include "common/check.h"
#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {

void Raft::ReadBarrier(uint64_t id) {
  OPENEFS_CHECK(id > last_barrier_id_);
  last_barrier_id_ = id;
  if (!leads()) {
    barriers_dropped_.push_back(id);
    return;
  }
  barriers_.push_back({id, std::max(hard_.commit, term_start_)});
  if (!LeaseHolds()) AskAboutBarriers();
  ConfirmBarriers();
}

void Raft::AskAboutBarriers() {
  if (prompt_.empty()) {
    if (asked_of_all_ == 0) asked_of_all_ = last_barrier_id_;
    return BroadcastHeartbeat();
  }
  for (const NodeId voter : prompt_) SendHeartbeat(voter, progress_.at(voter));
}

void Raft::ForgetPrompt() {
  prompt_.clear();
  asked_of_all_ = 0;
}

// Together with this replica they are a majority, of both halves of a joint configuration.
void Raft::NotePrompt(uint64_t confirmed) {
  if (asked_of_all_ == 0 || confirmed < asked_of_all_ || !prompt_.empty()) return;
  for (const auto& [node, progress] : progress_) {
    if (progress.read_barrier >= asked_of_all_ && configuration().IsVoter(node)) {
      prompt_.push_back(node);
    }
  }
}

void Raft::ConfirmBarriers() {
  uint64_t confirmed = QuorumValue(configuration(), [&](NodeId voter) {
    const auto found = progress_.find(voter);
    if (voter == options_.id) return last_barrier_id_;
    return found == progress_.end() ? 0 : found->second.read_barrier;
  });
  NotePrompt(confirmed);
  const bool no_quorum = options_.planted_bug == PlantedBug::kBarrierWithoutQuorum;
  // While the lease holds nobody else can have committed anything since they were asked for.
  if (no_quorum || LeaseHolds()) confirmed = last_barrier_id_;
  for (Barrier& barrier : barriers_) {
    if (barrier.id > confirmed) break;
    barrier.confirmed = true;
  }
}

bool Raft::BarrierReleasable() const {
  return !barriers_.empty() && barriers_.front().confirmed &&
         barriers_.front().index <= std::max(applying_, AppliableIndex());
}

void Raft::ReleaseBarriers(Ready& ready) {
  while (!barriers_.empty() && barriers_.front().confirmed &&
         barriers_.front().index <= applying_) {
    ready.barriers_released.push_back(barriers_.front().id);
    barriers_.pop_front();
  }
}

void Raft::DropBarriers() {
  if (options_.planted_bug == PlantedBug::kAnswerAfterDeposition) {
    for (Barrier& barrier : barriers_) barrier.confirmed = true;
    return;
  }
  for (const Barrier& barrier : barriers_) barriers_dropped_.push_back(barrier.id);
  barriers_.clear();
}

}  // namespace openefs::replication::raft
