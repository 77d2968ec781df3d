// Paces a background job.
#pragma once

#include <cstdint>

#include "common/mutex.h"

namespace openefs::datastore {

class RateLimit {
 public:
  explicit RateLimit(uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // Waits until `bytes` more fit the rate. False: told to stop. One thread.
  [[nodiscard]] bool Spend(uint64_t bytes);

  // Waits. False: told to stop.
  [[nodiscard]] bool Sleep(int64_t ms);

  // Ends all waiting, now and later. Any thread.
  void Stop();

 private:
  const uint64_t bytes_per_second_;
  uint64_t owed_bytes_ = 0;  // spent, not yet waited for
  Mutex mu_;
  CondVar stop_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace openefs::datastore
