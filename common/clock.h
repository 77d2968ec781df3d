// Time as a parameter: production code takes a Clock, tests own one.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace openefs {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back; for timeouts and leases. Any thread.
  virtual int64_t MonotonicNs() const = 0;
  // The same, but goes on while the machine is suspended: for what others count on. Any thread.
  virtual int64_t BootNs() const { return MonotonicNs(); }
  // Unix time; may jump. Any thread.
  virtual int64_t WallNs() const = 0;

  int64_t MonotonicMs() const { return MonotonicNs() / 1'000'000; }
  int64_t WallMs() const { return WallNs() / 1'000'000; }
};

class SystemClock final : public Clock {
 public:
  int64_t MonotonicNs() const override {
    return Since(std::chrono::steady_clock::now().time_since_epoch());
  }
  int64_t BootNs() const override {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);  // cannot fail on any Linux that this is built for
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
  int64_t WallNs() const override {
    return Since(std::chrono::system_clock::now().time_since_epoch());
  }
  static const SystemClock* Get() {
    static const SystemClock clock;
    return &clock;
  }

 private:
  template <typename Duration>
  static int64_t Since(Duration d) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
  }
};

// A clock that moves only when told to.
class ManualClock final : public Clock {
 public:
  int64_t MonotonicNs() const override { return now_ns_; }
  int64_t WallNs() const override { return wall_offset_ns_ + now_ns_; }
  void AdvanceMs(int64_t ms) { now_ns_ += ms * 1'000'000; }

 private:
  int64_t now_ns_ = 0;
  int64_t wall_offset_ns_ = 1'700'000'000'000'000'000;
};

}  // namespace openefs
