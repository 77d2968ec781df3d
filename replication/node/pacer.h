// Pacer: bytes per second, shared by threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace openefs::replication {

class Pacer {
 public:
  Pacer(uint64_t bytes_per_second, const Clock* clock)
      : bytes_per_second_(std::max<uint64_t>(bytes_per_second, 1)), clock_(clock) {}

  // Waits until `bytes` more may go. CANCELLED once Stop was called.
  absl::Status Wait(size_t bytes) {
    MutexLock lock(mu_);
    const int64_t now = clock_->MonotonicNs();
    const int64_t mine = std::max(next_ns_, now);
    next_ns_ = mine + static_cast<int64_t>(1e9 * static_cast<double>(bytes) /
                                           static_cast<double>(bytes_per_second_));
    while (!stop_) {
      const int64_t left_ms = (mine - clock_->MonotonicNs()) / 1'000'000;
      if (left_ms <= 0) return absl::OkStatus();  // nobody sleeps for less than a millisecond
      stopped_.WaitForMs(mu_, left_ms);
    }
    return absl::CancelledError("stopping");
  }

  // Whoever waits, or will, is told.
  void Stop() {
    MutexLock lock(mu_);
    stop_ = true;
    stopped_.SignalAll();
  }
  bool stopped() {
    MutexLock lock(mu_);
    return stop_;
  }

 private:
  const uint64_t bytes_per_second_;
  const Clock* const clock_;

  Mutex mu_;
  CondVar stopped_;
  int64_t next_ns_ ABSL_GUARDED_BY(mu_) = 0;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace openefs::replication
