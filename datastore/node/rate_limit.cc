#include "datastore/node/rate_limit.h"

#include "common/clock.h"

namespace openefs::datastore {
namespace {
// Shorter waits cost more in wake-ups than they even out.
constexpr int64_t kMinSleepMs = 20;
}  // namespace

bool RateLimit::Spend(uint64_t bytes) {
  owed_bytes_ += bytes;
  const auto ms = static_cast<int64_t>(owed_bytes_ * 1000 / bytes_per_second_);
  if (ms < kMinSleepMs) return Sleep(0);
  owed_bytes_ = 0;
  return Sleep(ms);
}

bool RateLimit::Sleep(int64_t ms) {
  const SystemClock* clock = SystemClock::Get();
  const int64_t until_ms = clock->MonotonicMs() + ms;
  MutexLock lock(mu_);
  while (!stopped_) {
    const int64_t left_ms = until_ms - clock->MonotonicMs();
    if (left_ms <= 0) return true;
    (void)stop_.WaitForMs(mu_, left_ms);
  }
  return false;
}

void RateLimit::Stop() {
  {
    MutexLock lock(mu_);
    stopped_ = true;
  }
  stop_.SignalAll();
}

}  // namespace openefs::datastore
