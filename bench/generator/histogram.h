// Latencies in a log-linear histogram: every power of two is divided into equal parts, so a value
// is known to 1 / kParts of itself, from nanoseconds to hours, in a fixed 17 KiB.
#pragma once

#include <array>
#include <cstdint>

namespace openefs::bench {

class Histogram {
 public:
  // Below kParts values are exact; above, off by at most 1 / kParts (1.6 %).
  static constexpr int kPartBits = 6;
  static constexpr int64_t kParts = int64_t{1} << kPartBits;
  static constexpr int64_t kMaxNs = (int64_t{1} << 42) - 1;  // 73 minutes; more counts as this

  void Add(int64_t ns);  // a negative one counts as 0
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  int64_t max_ns() const { return max_ns_; }
  double mean_ns() const;

  // The least value that at least `percent` of 100 are not above, rounded up as said, never above
  // max_ns(); 0 if nothing was added.
  int64_t PercentileNs(double percent) const;

 private:
  static constexpr int kBuckets = (42 - kPartBits + 1) * kParts;
  static int BucketOf(int64_t ns);
  static int64_t LastOf(int bucket);  // the largest value in it

  std::array<uint64_t, kBuckets> buckets_ = {};
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace openefs::bench
