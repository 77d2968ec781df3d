// What all connections of a server hold in memory together: records that are being received,
// requests under way, replies that are not sent. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/metrics/metrics.h"

namespace openefs::rpc {

class ByteBudget {
 public:
  explicit ByteBudget(size_t max_bytes) : max_(static_cast<int64_t>(max_bytes)) {}

  void Change(int64_t bytes) {
    used_.fetch_add(bytes, std::memory_order_relaxed);
    gauge_.Add(bytes);
  }
  // Nobody begins to receive anything more until somebody has finished. What is under way may still
  // grow, so this is where taking more stops, not a bound of what is used.
  bool Spent() const { return used_.load(std::memory_order_relaxed) >= max_; }

 private:
  const int64_t max_;
  std::atomic<int64_t> used_{0};
  metrics::Gauge& gauge_ = metrics::GetGauge(
      "openefs_rpc_held_bytes", "Memory for RPC requests and replies, with estimated replies");
};

}  // namespace openefs::rpc
