// Metrics a role keeps about itself, served as Prometheus text on /metrics (metrics_server.h).
// Updating one costs an atomic add on a cache line that few threads share; looking one up by name
// takes a lock, so keep the reference. Metrics live until the process ends.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace openefs::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<int64_t> value_{0};
};

// Durations in power-of-two buckets of microseconds: bucket b holds those up to 2^b us that no
// smaller bucket holds; the last one, kBuckets, holds what is longer than all of them.
class LatencyHistogram {
 public:
  static constexpr int kBuckets = 27;  // up to 67 s
  void ObserveNs(int64_t ns);          // a negative duration counts as 0
  uint64_t BucketCount(int bucket) const {
    return buckets_[bucket].load(std::memory_order_relaxed);
  }
  uint64_t SumNs() const { return sum_ns_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<uint64_t> buckets_[kBuckets + 1]{};
  std::atomic<uint64_t> sum_ns_{0};
};

// More label sets than this under one name share one series, {overflow="true"}: a label that takes
// values from outside must not grow memory without end.
inline constexpr size_t kMaxSeriesPerName = 1000;

// The same name and labels give the same metric; a name has one type. Names end in their unit
// (`_seconds`, `_bytes`, `_total`), begin with "openefs_"; `help` of the first call counts. Any
// thread.
Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
LatencyHistogram& GetLatency(const std::string& name, const std::string& help,
                             const Labels& labels = {});

}  // namespace openefs::metrics
