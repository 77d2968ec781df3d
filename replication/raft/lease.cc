// Read leases (thesis 6.4.1). Whoever answers a heartbeat promises to elect nobody else for an
// election timeout of ticks, whatever terms it hears of and even if it restarts. So a leader that a
// quorum answered is the only one for as long, counted from when it sent that heartbeat, less what
// clocks may differ by. Only an election that the leader itself asks for breaks the promise, so it
// trusts no lease once it has asked.
#include <algorithm>

#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {

void Raft::OnTime(uint64_t now_us) {
  if (options_.planted_bug == PlantedBug::kLeaseOnStalledClock) return;
  now_us_ = std::max(now_us_, now_us);
}

// Of a replica that answers heartbeats, or may have before it restarted.
bool Raft::PromisedToLeader() const {
  if (!options_.lease.enabled() || options_.planted_bug == PlantedBug::kVoteWithinLease) {
    return false;
  }
  return !leads() && ticks_since_leader_ < options_.election_ticks;
}

void Raft::NoteLeaseAnswer(const pb::RaftMessage& m, Progress& progress) const {
  if (m.lease_time() > now_us_) return;  // never sent
  progress.lease_time = std::max(progress.lease_time, m.lease_time());
}

bool Raft::LeaseHolds() const { return now_us_ < LeaseEndUs(); }

uint64_t Raft::LeaseEndUs() const {
  if (!options_.lease.enabled() || !leads()) return 0;
  const bool handing_over = transferee_ != 0 || lease_void_;
  if (handing_over && options_.planted_bug != PlantedBug::kLeaseDuringTransfer) return 0;
  const uint64_t since = QuorumValue(configuration(), [&](NodeId voter) {
    const auto found = progress_.find(voter);
    if (voter == options_.id) return now_us_;
    return found == progress_.end() ? 0 : found->second.lease_time;
  });
  // The first of the ticks may come at once. One clock may be slow and another one fast.
  const uint64_t promised_us =
      options_.lease.tick_us * static_cast<uint64_t>(options_.election_ticks - 1);
  const uint64_t drift = options_.lease.max_drift_percent;
  return since == 0 ? 0 : since + promised_us * (100 - drift) / (100 + drift);
}

}  // namespace openefs::replication::raft
