#include "bench/generator/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace openefs::bench {

// The first kParts buckets hold one value each; then every power of two 2^e, e >= kPartBits, has
// kParts buckets of 2^(e - kPartBits) values.
int Histogram::BucketOf(int64_t ns) {
  if (ns < kParts) return static_cast<int>(ns);
  const int exponent = std::bit_width(static_cast<uint64_t>(ns)) - 1;
  const int shift = exponent - kPartBits;
  const int64_t part = (ns >> shift) - kParts;
  return static_cast<int>((shift + 1) * kParts + part);
}

int64_t Histogram::LastOf(int bucket) {
  if (bucket < kParts) return bucket;
  const int shift = static_cast<int>(bucket / kParts) - 1;
  const int64_t part = bucket % kParts + kParts;
  return ((part + 1) << shift) - 1;
}

void Histogram::Add(int64_t ns) {
  ns = std::clamp<int64_t>(ns, 0, kMaxNs);
  ++buckets_[static_cast<size_t>(BucketOf(ns))];
  ++count_;
  sum_ns_ += static_cast<double>(ns);
  max_ns_ = std::max(max_ns_, ns);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

double Histogram::mean_ns() const {
  return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_);
}

int64_t Histogram::PercentileNs(double percent) const {
  const double wanted = std::ceil(static_cast<double>(count_) * percent / 100);
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, std::max(count_, 1ul));
  uint64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[static_cast<size_t>(bucket)];
    if (seen >= rank) return std::min(LastOf(bucket), max_ns_);
  }
  return max_ns_;
}

}  // namespace openefs::bench
