// Read leases of a node: what its clocks are worth, and which of them counts. The core
// (raft/lease.cc) knows neither.
//
// A read under a lease takes effect at the moment of one clock reading, which the event loop takes
// after it has taken the read from its inbox and before it looks at the lease: after the call, and
// before the answer. However long the process is stopped before that reading, it sees so; however
// long after it, the answer is late but was right within the call, as the answer of a read barrier
// is. Heartbeats carry a reading from before they are sent, so a lease is never counted from later
// than that.
#pragma once

#include <cstdint>

#include "common/check.h"
#include "common/clock.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

// How far the clock of any replica may run from true time, either way. Crystals are good for 0.02
// %, and Linux slews a clock for NTP by at most 0.05 %; a hundred times as much still costs only a
// tenth of the lease.
inline constexpr uint64_t kMaxClockDriftPercent = 5;

// Followers count ticks by readings in whole milliseconds, which lets a span of them be one
// millisecond short.
inline raft::LeaseOptions ReadLeaseFor(int64_t tick_ms) {
  OPENEFS_CHECK(tick_ms > 1);
  return {.tick_us = static_cast<uint64_t>(tick_ms - 1) * 1000,
          .max_drift_percent = kMaxClockDriftPercent};
}

inline uint64_t ReadLeaseTimeUs(const Clock& clock) {
  return static_cast<uint64_t>(clock.BootNs()) / 1000;
}

}  // namespace openefs::replication
