#include "bench/generator/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>

namespace openefs::bench {

using Arrival = Schedule::Arrival;

TEST_CASE("even arrivals keep the rate however long they go on") {
  Schedule schedule(3, Arrival::kEven, 1'000, 1);
  CHECK(schedule.NextNs() == 1'000);
  CHECK(schedule.NextNs() == 333'334'333);
  CHECK(schedule.NextNs() == 666'667'666);
  // A gap of a third of a second cannot be counted in nanoseconds: the error must not add up.
  int64_t last = 0;
  for (int i = 3; i <= 3'000'000; ++i) last = schedule.NextNs();
  CHECK(last == 1'000 + int64_t{1'000'000} * 1'000'000'000);
}

TEST_CASE("a schedule does not wait for those it sends") {
  // Whatever the caller does between two calls, the times are the same: that is what makes an open
  // loop's latencies free of coordinated omission.
  Schedule one(1'000'000, Arrival::kEven, 0, 1);
  for (int64_t i = 0; i < 1000; ++i) CHECK(one.NextNs() == i * 1000);
}

TEST_CASE("independent arrivals have the rate and the spread of a Poisson process") {
  constexpr int kArrivals = 200'000;
  constexpr double kGapNs = 1e9 / 5000;
  Schedule schedule(5000, Arrival::kPoisson, 0, 42);
  double squares = 0;
  int64_t before = 0;
  int short_gaps = 0;
  for (int i = 0; i < kArrivals; ++i) {
    const int64_t at = schedule.NextNs();
    REQUIRE(at >= before);
    const auto gap = static_cast<double>(at - before);
    squares += (gap - kGapNs) * (gap - kGapNs);
    short_gaps += gap < kGapNs;
    before = at;
  }
  CHECK(static_cast<double>(before) / kArrivals == Approx(kGapNs).epsilon(0.01));
  CHECK(std::sqrt(squares / kArrivals) == Approx(kGapNs).epsilon(0.02));
  // 1 - 1/e of exponentially distributed gaps are below their mean.
  CHECK(short_gaps / static_cast<double>(kArrivals) == Approx(0.632).epsilon(0.01));
}

TEST_CASE("the same seed gives the same arrivals, another one others") {
  Schedule a(10, Arrival::kPoisson, 5, 1), b(10, Arrival::kPoisson, 5, 1);
  Schedule c(10, Arrival::kPoisson, 5, 2);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    const int64_t at = a.NextNs();
    CHECK(at == b.NextNs());
    same += at == c.NextNs();
  }
  CHECK(same == 0);
}

}  // namespace openefs::bench
