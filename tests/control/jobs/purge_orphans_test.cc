#include <catch2/catch.hpp>

#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

// Groups with so many entries' worth of work.
struct Work {
  std::map<GroupId, int> left;
  std::map<GroupId, int> asked;

  absl::Status operator()(GroupId group, const pb::Operation& op, pb::OperationResult& result) {
    if (!op.has_purge_orphans() || op.purge_orphans().max_extents() == 0) {
      return absl::InternalError("not a purge");
    }
    ++asked[group];
    left[group] -= left[group] > 0;
    result.mutable_purge()->set_more(left[group] > 0);
    return absl::OkStatus();
  }
};

}  // namespace

TEST_CASE("purge: goes on until nothing is left, in every group") {
  Work work{{{1, 3}, {2, 0}}, {}};
  JobFixture fixture(MakePurgeOrphansJob(), Cluster({}, {1, 2}), std::ref(work));
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(work.asked == std::map<GroupId, int>{{1, 3}, {2, 1}});
  CHECK(*fixture.Run() == RoundEnd::kIdle);
}

TEST_CASE("purge: a round is bounded") {
  Work work{{{1, 1'000}, {2, 2}}, {}};
  JobFixture fixture(MakePurgeOrphansJob(), Cluster({}, {1, 2}), std::ref(work));
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(work.asked[1] == 16);
  CHECK(work.left[2] == 0);
}

}  // namespace openefs::control
