#include "bench/generator/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "bench/generator/mix64.h"

namespace openefs::bench {

TEST_CASE("an empty histogram has nothing to say") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.PercentileNs(50) == 0);
  CHECK(histogram.PercentileNs(99.9) == 0);
  CHECK(histogram.mean_ns() == 0);
}

TEST_CASE("one value is every percentile") {
  for (const int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{64}, int64_t{1'000'003}, Histogram::kMaxNs}) {
    Histogram histogram;
    histogram.Add(value);
    CHECK(histogram.PercentileNs(0) == value);
    CHECK(histogram.PercentileNs(50) == value);
    CHECK(histogram.PercentileNs(100) == value);
    CHECK(histogram.max_ns() == value);
  }
}

TEST_CASE("what is out of range counts as the nearest that is not") {
  Histogram histogram;
  histogram.Add(-5);
  CHECK(histogram.max_ns() == 0);
  histogram.Add(Histogram::kMaxNs + 1);
  histogram.Add(std::numeric_limits<int64_t>::max());
  CHECK(histogram.max_ns() == Histogram::kMaxNs);
  CHECK(histogram.count() == 3);
}

TEST_CASE("percentiles are the sorted values' within a part, for any distribution") {
  uint64_t random = 7;
  for (const int magnitude : {4, 10, 20, 30, 41}) {
    Histogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 5000; ++i) {
      const auto bits = RandomBelow(&random, static_cast<uint64_t>(magnitude)) + 1;
      values.push_back(static_cast<int64_t>(RandomBelow(&random, uint64_t{1} << bits)));
      histogram.Add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double percent : {0.1, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto rank = static_cast<size_t>(std::ceil(5000 * percent / 100));
      const int64_t exact = values[rank - 1];
      INFO(magnitude << " bits, " << percent << " %");
      CHECK(histogram.PercentileNs(percent) >= exact);
      CHECK(histogram.PercentileNs(percent) <= exact + exact / Histogram::kParts);
    }
  }
}

TEST_CASE("merged histograms are as one that saw all") {
  Histogram all, even, odd;
  uint64_t random = 3;
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<int64_t>(RandomBelow(&random, 1'000'000'000));
    all.Add(value);
    (i % 2 == 0 ? even : odd).Add(value);
  }
  even.Merge(odd);
  CHECK(even.count() == all.count());
  CHECK(even.max_ns() == all.max_ns());
  CHECK(even.mean_ns() == Approx(all.mean_ns()));
  for (double percent = 0; percent <= 100; percent += 0.5) {
    CHECK(even.PercentileNs(percent) == all.PercentileNs(percent));
  }
}

}  // namespace openefs::bench
