#include <catch2/catch.hpp>

#include "common/limits.h"
#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

// What each group's metadata refers to.
struct Known {
  std::map<GroupId, std::set<BlobId>> blobs;
  std::map<GroupId, absl::Status> errors;

  absl::Status operator()(GroupId group, const pb::Operation& op, pb::OperationResult& result) {
    if (!errors[group].ok()) return errors[group];
    for (const pb::BlobId& id : op.check_blobs().blobs()) {
      result.mutable_check_blobs()->add_known(blobs[group].contains(FromProto(id)));
      result.mutable_check_blobs()->add_blob_lengths(0);
    }
    return absl::OkStatus();
  }
};

struct SweepFixture {
  explicit SweepFixture(const std::vector<pb::NodeStatus>& states,
                        const std::vector<GroupId>& groups = {1})
      : job(MakeSweepOrphanBlobsJob(), Cluster(states, groups), std::ref(known)) {
    for (NodeId id = 1; id <= states.size(); ++id) {
      job.nodes[id] = std::make_shared<FakeDataNode>();
    }
    now_ms = static_cast<uint64_t>(job.clock.WallMs());
  }
  BlobId Old(uint64_t random) const { return BlobId::Make(1, now_ms - kBlobOrphanMs - 1, random); }
  BlobId Young(uint64_t random) const { return BlobId::Make(1, now_ms - kBlobOrphanMs, random); }

  // One pass over all nodes.
  void Pass() {
    int rounds = 0;
    for (auto end = job.Run(); end.ok() && *end == RoundEnd::kMore; end = job.Run()) {
      REQUIRE(++rounds < 100);
    }
  }
  std::set<BlobId> Deleted() const { return {job.blobs.deleted.begin(), job.blobs.deleted.end()}; }

  Known known;
  JobFixture job;
  uint64_t now_ms;
};

}  // namespace

TEST_CASE("sweep: only old blobs that no group knows are deleted") {
  SweepFixture sweep({pb::NODE_UP, pb::NODE_UP}, {1, 2});
  sweep.job.nodes[1]->blobs = {sweep.Old(1), sweep.Old(2), sweep.Young(3)};
  sweep.job.nodes[2]->blobs = {sweep.Old(4), sweep.Old(5)};
  sweep.known.blobs[1] = {sweep.Old(1)};
  sweep.known.blobs[2] = {sweep.Old(5)};
  sweep.Pass();
  CHECK(sweep.Deleted() == std::set<BlobId>{sweep.Old(2), sweep.Old(4)});
  CHECK(sweep.job.items.Value() == 2);
}

TEST_CASE("sweep: when a group does not answer, nothing is deleted") {
  SweepFixture sweep({pb::NODE_UP}, {1, 2});
  sweep.job.nodes[1]->blobs = {sweep.Old(1)};
  sweep.known.errors[2] = absl::UnavailableError("no leader");
  sweep.Pass();
  CHECK(sweep.Deleted().empty());
  sweep.known.errors.clear();
  sweep.Pass();
  CHECK(sweep.Deleted().size() == 1);
}

TEST_CASE("sweep: without a file system to ask, nothing is deleted") {
  SweepFixture sweep({pb::NODE_UP}, {});
  sweep.job.nodes[1]->blobs = {sweep.Old(1)};
  sweep.Pass();
  CHECK(sweep.Deleted().empty());
}

TEST_CASE("sweep: a node is paged through to its end") {
  SweepFixture sweep({pb::NODE_UP});
  for (uint64_t i = 1; i <= 10; ++i) sweep.job.nodes[1]->blobs.insert(sweep.Old(i));
  sweep.job.nodes[1]->page = 3;
  sweep.Pass();
  CHECK(sweep.Deleted().size() == 10);
  CHECK(sweep.job.nodes[1]->lists == 4);
}

TEST_CASE("sweep: a node that is down or fails does not keep the others") {
  SweepFixture sweep({pb::NODE_DOWN, pb::NODE_UP, pb::NODE_GONE, pb::NODE_UP});
  for (auto& [id, node] : sweep.job.nodes) node->blobs = {sweep.Old(id)};
  sweep.job.nodes[2]->error = absl::UnavailableError("cut off");
  sweep.Pass();
  CHECK(sweep.Deleted() == std::set<BlobId>{sweep.Old(4)});
  CHECK(sweep.job.nodes[1]->lists == 0);
  CHECK(sweep.job.nodes[3]->lists == 0);
}

}  // namespace openefs::control
