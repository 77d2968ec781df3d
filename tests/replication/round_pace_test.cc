#include "replication/node/round_pace.h"

#include <catch2/catch.hpp>

namespace openefs::replication {
namespace {

TEST_CASE("a few callers begin a round at once, and share the one after it") {
  RoundPace pace;
  CHECK(pace.MayBegin(1, 0, 1000));
  pace.Began(1, 1000);
  CHECK_FALSE(pace.MayBegin(kWorthARound - 1, 1, 1100));
  pace.Ended(1200);
  CHECK(pace.MayBegin(1, 0, 1200));
  pace.Began(kManyCallers - 1, 1200);
  pace.Ended(1400);
  CHECK(pace.MayBegin(1, 0, 1400));
}

TEST_CASE("after a round of many the next one waits as long as that took") {
  RoundPace pace;
  pace.Began(kManyCallers, 1000);
  pace.Ended(1150);
  CHECK_FALSE(pace.MayBegin(kWorthARound - 1, 0, 1299));
  CHECK(pace.MayBegin(1, 0, 1300));
  SECTION("and no longer, once few come") {
    pace.Began(1, 1300);
    pace.Ended(1450);
    CHECK(pace.MayBegin(1, 0, 1450));
  }
  SECTION("which has a limit") {
    pace.Began(kManyCallers, 1300);
    pace.Ended(1'000'000);
    CHECK_FALSE(pace.MayBegin(1, 0, 1'000'000 + kMaxRestUs - 1));
    CHECK(pace.MayBegin(1, 0, 1'000'000 + kMaxRestUs));
  }
}

TEST_CASE("very many wait for nothing but the limit of rounds") {
  RoundPace pace;
  pace.Began(kManyCallers, 0);
  CHECK(pace.MayBegin(kWorthARound, 1, 10));
  CHECK(pace.MayBegin(kWorthARound, kMaxBarrierRounds - 1, 10));
  CHECK_FALSE(pace.MayBegin(kWorthARound, kMaxBarrierRounds, 10));
  pace.Ended(100);
  CHECK(pace.MayBegin(kWorthARound, 0, 100));
}

TEST_CASE("a clock that stands still holds nobody up") {
  RoundPace pace;
  for (int i = 0; i < 3; ++i) {
    CHECK(pace.MayBegin(1, 0, 0));
    pace.Began(kManyCallers, 0);
    pace.Ended(0);
  }
}

}  // namespace
}  // namespace openefs::replication
