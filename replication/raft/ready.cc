// What the inputs since the last Ready led to.
#include <algorithm>
#include <utility>

#include "replication/raft/raft.h"

namespace openefs::replication::raft {
namespace {

// Handed to the applier at once; more follows with the next Ready.
constexpr size_t kMaxCommittedEntries = 4096;
constexpr size_t kMaxCommittedBytes = size_t{8} << 20;

bool SameVote(const HardState& a, const HardState& b) {
  return a.term == b.term && a.voted_for == b.voted_for;
}

}  // namespace

// Never beyond what is durable here: after a crash the state machine is not ahead of its log. And
// nothing while a snapshot is about to take the state machine's place.
uint64_t Raft::AppliableIndex() const {
  if (installing_.has_value()) return applying_;
  return std::min(hard_.commit, log_.stable_index());
}

Ready::ConfigurationNews Raft::CurrentConfiguration() const {
  return {history_.current(), history_.current_index(), configuration_committed()};
}

// Asked at every turn: no copies.
bool Raft::ConfigurationIsNews() const {
  return configuration_told_.index != history_.current_index() ||
         configuration_told_.committed != configuration_committed() ||
         configuration_told_.configuration != history_.current();
}

bool Raft::HasReady() const {
  return !messages_.empty() || !messages_after_write_.empty() || !reads_.empty() ||
         !barriers_dropped_.empty() || log_.HasUnwritten() || !SameVote(hard_, hard_handed_out_) ||
         applying_ < AppliableIndex() || BarrierReleasable() || !snapshots_to_send_.empty() ||
         (installing_.has_value() && !install_handed_out_) || ConfigurationIsNews();
}

Ready Raft::TakeReady() {
  Ready ready;
  TakeWrites(ready);
  TakeCommitted(ready);
  ReleaseBarriers(ready);
  ready.messages = std::exchange(messages_, {});
  ready.messages_after_write = std::exchange(messages_after_write_, {});
  ready.barriers_dropped = std::exchange(barriers_dropped_, {});
  ready.reads = std::exchange(reads_, {});
  ready.snapshots_to_send = std::exchange(snapshots_to_send_, {});
  if (!std::exchange(install_handed_out_, installing_.has_value())) ready.install = installing_;
  if (ConfigurationIsNews()) ready.configuration = configuration_told_ = CurrentConfiguration();
  return ready;
}

// A new commit index alone is not worth a write: it is learned again from the leader.
void Raft::TakeWrites(Ready& ready) {
  const bool vote_changed = !SameVote(hard_, hard_handed_out_);
  if (!vote_changed && !log_.HasUnwritten()) return;
  ready.write_id = ++last_write_id_;
  ready.entries = log_.TakeUnwritten(ready.write_id);
  if (hard_ != hard_handed_out_) ready.hard_state = hard_;
  if (vote_changed) hard_state_write_id_ = ready.write_id;
  hard_handed_out_ = hard_;
}

void Raft::TakeCommitted(Ready& ready) {
  const uint64_t up_to = AppliableIndex();
  if (applying_ >= up_to) return;
  const size_t entries = std::min<size_t>(up_to - applying_, kMaxCommittedEntries);
  ready.committed = log_.Slice(applying_ + 1, entries, kMaxCommittedBytes);
  applying_ += ready.committed.size();
}

}  // namespace openefs::replication::raft
