#include "common/timers.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "tests/common/notification.h"

namespace openefs {

TEST_CASE("timers run in the order of their times and not too early") {
  std::vector<int> order;
  Countdown left(3);
  const int64_t start_ms = SystemClock::Get()->MonotonicMs();
  int64_t last_ms = 0;
  Timers::Get().RunAfter(40, [&] {
    order.push_back(3);
    last_ms = SystemClock::Get()->MonotonicMs();
    left.Done();
  });
  Timers::Get().RunAfter(20, [&] {
    order.push_back(2);
    left.Done();
  });
  Timers::Get().RunAfter(-5, [&] {
    order.push_back(1);
    left.Done();
  });
  left.Wait();
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(last_ms - start_ms >= 39);
}

TEST_CASE("a cancelled timer does not run and lets go of what it holds") {
  auto held = std::make_shared<int>(1);
  bool ran = false;
  const Timers::TimerId id = Timers::Get().RunAfter(10'000, [held, &ran] { ran = true; });
  CHECK(held.use_count() == 2);
  CHECK(Timers::Get().Cancel(id));
  CHECK(held.use_count() == 1);
  CHECK_FALSE(Timers::Get().Cancel(id));
  Notification ran_out;
  const Timers::TimerId first = Timers::Get().RunAfter(0, [&] { ran_out.Notify(); });
  ran_out.Wait();
  CHECK_FALSE(Timers::Get().Cancel(first));
  CHECK_FALSE(ran);
}

TEST_CASE("a timer may start another") {
  Notification second;
  Timers::Get().RunAfter(0, [&] { Timers::Get().RunAfter(0, [&] { second.Notify(); }); });
  second.Wait();
}

}  // namespace openefs
