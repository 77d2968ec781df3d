// When an open loop's operations are to begin: at a given rate, whatever the server does. Latency
// is measured from these times, so that a server that stalls pays for all who would have come
// meanwhile (no coordinated omission). Pure.
#pragma once

#include <cstdint>

namespace openefs::bench {

class Schedule {
 public:
  enum class Arrival {
    kEven,     // equally spaced
    kPoisson,  // independent arrivals: exponentially distributed gaps
  };

  // `per_second` > 0; the first arrival is at start_ns, or one gap later for kPoisson.
  Schedule(double per_second, Arrival arrival, int64_t start_ns, uint64_t seed);

  // The next arrival. Never goes back.
  int64_t NextNs();

 private:
  const double gap_ns_;
  const Arrival arrival_;
  const int64_t start_ns_;
  uint64_t random_state_;
  uint64_t taken_ = 0;
  double since_start_ns_ = 0;
};

}  // namespace openefs::bench
