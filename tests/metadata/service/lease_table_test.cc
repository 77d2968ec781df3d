#include "metadata/service/lease_table.h"

#include <catch2/catch.hpp>

namespace openefs::metadata {
namespace {

using Ids = std::vector<uint64_t>;

TEST_CASE("a lease runs out when its client is silent for longer than it") {
  LeaseTable leases(1000);
  leases.Grant(1, 0);
  leases.Grant(2, 500);
  CHECK(leases.Lapsed(1000) == Ids{});
  CHECK(leases.Lapsed(1001) == Ids{1});
  CHECK(leases.Lapsed(1501) == Ids({1, 2}));
  leases.Renew(1, 1501);
  CHECK(leases.Lapsed(1501) == Ids{2});
  CHECK(leases.Lapsed(2600) == Ids({2, 1}));  // the longest silent first
}

TEST_CASE("a new leader gives everybody one full lease") {
  LeaseTable leases(1000);
  leases.Grant(7, 0);
  leases.Reset({1, 2}, 5000);
  CHECK(leases.size() == 2);
  CHECK(leases.Lapsed(6000) == Ids{});
  CHECK(leases.Lapsed(6001) == Ids({1, 2}));
}

TEST_CASE("renewals do not make clients, and removed ones are not listed") {
  LeaseTable leases(1000);
  leases.Renew(9, 0);
  CHECK(leases.size() == 0);
  leases.Grant(1, 0);
  leases.Remove(1);
  leases.Remove(1);
  CHECK(leases.Lapsed(5000) == Ids{});
}

TEST_CASE("the courtesy ends after a day, or when too many have lapsed") {
  LeaseTable leases(1000);
  leases.Grant(1, 0);
  leases.Grant(2, 10'000);
  CHECK(leases.Overdue(kMaxCourtesyMs, 10) == Ids{});
  CHECK(leases.Overdue(kMaxCourtesyMs + 1, 10) == Ids{1});

  leases.Reset({}, 0);
  for (uint64_t id = 1; id <= kMaxLapsedClients + 5; ++id) {
    leases.Grant(id, static_cast<int64_t>(id));
  }
  CHECK(leases.Overdue(1000, 10) == Ids{});
  CHECK(leases.Overdue(10'000, 10) == Ids({1, 2, 3, 4, 5}));
  CHECK(leases.Overdue(10'000, 2) == Ids({1, 2}));
  CHECK(leases.Lapsed(10'000).size() == kMaxLapsedClients);
}

}  // namespace
}  // namespace openefs::metadata
