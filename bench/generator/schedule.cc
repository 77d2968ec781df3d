#include "bench/generator/schedule.h"

#include <cmath>

#include "bench/generator/mix64.h"
#include "common/check.h"

namespace openefs::bench {

Schedule::Schedule(double per_second, Arrival arrival, int64_t start_ns, uint64_t seed)
    : gap_ns_(1e9 / per_second), arrival_(arrival), start_ns_(start_ns), random_state_(seed) {
  OPENEFS_CHECK(per_second > 0);
}

int64_t Schedule::NextNs() {
  if (arrival_ == Arrival::kEven) {
    // From the start each time: rounding must not add up to another rate.
    return start_ns_ + static_cast<int64_t>(gap_ns_ * static_cast<double>(taken_++));
  }
  const double uniform = (static_cast<double>(NextRandom(&random_state_) >> 11) + 0.5) * 0x1p-53;
  since_start_ns_ -= std::log(uniform) * gap_ns_;
  return start_ns_ + static_cast<int64_t>(since_start_ns_);
}

}  // namespace openefs::bench
