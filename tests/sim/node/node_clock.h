// The clocks of one machine: its monotonic clock may run too fast or too slow, its wall clock also
// jumps.
#pragma once

#include <cstdint>

#include "common/clock.h"
#include "tests/sim/kernel/scheduler.h"

namespace openefs::sim {

class NodeClock final : public Clock {
 public:
  explicit NodeClock(const Scheduler* scheduler) : scheduler_(scheduler) {}

  int64_t MonotonicNs() const override {
    const int64_t since_ns = scheduler_->now_ns() - changed_ns_;
    return base_ns_ + since_ns + since_ns / 100 * drift_percent_;
  }
  int64_t WallNs() const override { return kEpochNs + MonotonicNs() + wall_offset_ns_; }

  void SetDrift(int64_t percent) {
    base_ns_ = MonotonicNs();
    changed_ns_ = scheduler_->now_ns();
    drift_percent_ = percent;
  }
  void JumpWall(int64_t by_ns) { wall_offset_ns_ += by_ns; }

  // How long this clock takes for what it believes to be `local_ns`.
  int64_t TrueNs(int64_t local_ns) const { return local_ns * 100 / (100 + drift_percent_); }

 private:
  static constexpr int64_t kEpochNs = 1'700'000'000'000'000'000;

  const Scheduler* const scheduler_;
  int64_t changed_ns_ = 0;
  int64_t base_ns_ = 0;
  int64_t drift_percent_ = 0;
  int64_t wall_offset_ns_ = 0;
};

}  // namespace openefs::sim
