#include "replication/raft/progress.h"

#include <algorithm>

namespace openefs::replication::raft {

bool Progress::Paused(const FlightLimits& limits) const {
  if (read_pending) return true;
  switch (state_) {
    case State::kProbe:
      return probe_sent_;
    case State::kReplicate:
      return flights_.size() >= limits.max_inflight_messages ||
             flight_bytes_ >= limits.max_inflight_bytes;
    case State::kSnapshot:
      return true;
  }
  return true;
}

void Progress::Sent(uint64_t last, size_t bytes) {
  if (state_ == State::kProbe) {
    probe_sent_ = true;
    return;
  }
  if (last < next_) return;
  next_ = last + 1;
  flights_.push_back({last, bytes});
  flight_bytes_ += bytes;
}

bool Progress::Acknowledged(uint64_t index, uint64_t first_index) {
  const bool news = index > match_;
  match_ = std::max(match_, index);
  next_ = std::max(next_, match_ + 1);
  while (!flights_.empty() && flights_.front().last <= match_) {
    flight_bytes_ -= flights_.front().bytes;
    flights_.pop_front();
  }
  if (state_ == State::kSnapshot && match_ + 1 < first_index) return news;
  // Any acceptance tells that the logs agree up to there.
  if (state_ != State::kReplicate) {
    snapshot_requested = false;
    state_ = State::kReplicate;
    next_ = match_ + 1;
    probe_sent_ = false;
  }
  return news;
}

void Progress::BackUpTo(uint64_t agree) {
  state_ = State::kProbe;
  snapshot_requested = false;
  probe_sent_ = false;
  flights_.clear();
  flight_bytes_ = 0;
  next_ = std::max(match_, agree) + 1;
}

void Progress::NeedSnapshot() {
  if (state_ == State::kSnapshot) return;
  BackUpTo(match_);
  state_ = State::kSnapshot;
}

void Progress::SnapshotSent(uint64_t index) { BackUpTo(index); }

bool Progress::RejectionIsCurrent(uint64_t rejected) const {
  if (rejected <= match_) return false;  // it has accepted that since
  if (state_ == State::kSnapshot) return false;
  return state_ == State::kReplicate || rejected + 1 == next_;
}

bool Progress::StalledSinceLastCheck() {
  const bool waits = state_ == State::kProbe ? probe_sent_ : !flights_.empty();
  const bool stalled = waits && match_ == match_at_check_;
  match_at_check_ = match_;
  return stalled;
}

}  // namespace openefs::replication::raft
