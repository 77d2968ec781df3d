// Progress: what the leader knows of one follower, and how much it lets be under way to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "replication/raft/entry.h"

namespace openefs::replication::raft {

struct FlightLimits {
  // One message: large enough to carry a 1 MiB entry at the cost of one header, small enough that
  // heartbeats of other groups do not wait long behind it.
  size_t max_append_bytes = size_t{1} << 20;
  size_t max_append_entries = 1024;
  // Bandwidth-delay product: 16 MiB at 5 ms round trip is 3.2 GB/s, beyond any link between AZs.
  size_t max_inflight_bytes = size_t{16} << 20;
  size_t max_inflight_messages = 256;
};

class Progress {
 public:
  enum class State {
    kProbe,      // where the logs agree is not known: one message at a time
    kReplicate,  // pipelining
    kSnapshot,   // it wants entries that the log no longer holds
  };

  explicit Progress(uint64_t next) : next_(next) {}

  State state() const { return state_; }
  uint64_t match() const { return match_; }
  uint64_t next() const { return next_; }

  // Whether entries may be sent now.
  bool Paused(const FlightLimits& limits) const;

  // Entries up to `last` (none: next - 1) went out.
  void Sent(uint64_t last, size_t bytes);

  // The follower has everything up to `index`. False if that was known.
  // While it wants a snapshot, only what reaches the log's front again (`first_index`) helps.
  bool Acknowledged(uint64_t index, uint64_t first_index);

  // It has not what preceded an append; entries up to `agree` may still be the same.
  void BackUpTo(uint64_t agree);

  // An append at `rejected` was refused; false if the refusal is an old one.
  bool RejectionIsCurrent(uint64_t rejected) const;

  // At every heartbeat: whether nothing was acknowledged since the last one although something is
  // under way, or where the logs agree is not known; a message was lost, or the follower is slow.
  bool StalledSinceLastCheck();

  // It can only go on from a snapshot.
  void NeedSnapshot();
  // A snapshot of entry `index` is on its disk and will be installed: entries after it follow.
  void SnapshotSent(uint64_t index);

  bool snapshot_requested = false;  // and not answered yet
  bool recently_active = false;     // heard of since the last quorum check
  uint64_t read_barrier = 0;        // largest barrier it has echoed in this term
  uint64_t lease_time = 0;          // latest of the leader's own times it has echoed in this term
  bool read_pending = false;        // its entries are being read from disk
  int failed_reads = 0;             // in a row

 private:
  struct Flight {
    uint64_t last = 0;
    size_t bytes = 0;
  };

  State state_ = State::kProbe;
  uint64_t match_ = 0;
  uint64_t next_;
  bool probe_sent_ = false;
  std::deque<Flight> flights_;
  size_t flight_bytes_ = 0;
  uint64_t match_at_check_ = 0;
};

}  // namespace openefs::replication::raft
