#include <catch2/catch.hpp>

#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

// The collection queues of some groups.
struct Queues {
  std::map<GroupId, std::map<std::string, BlobId>> blobs;
  absl::Status finish_error;

  absl::Status operator()(GroupId group, const pb::Operation& op, pb::OperationResult& result) {
    if (op.has_list_collectable()) {
      auto* list = result.mutable_collectable();
      for (const auto& [key, id] : blobs[group]) {
        if (list->blobs_size() == static_cast<int>(op.list_collectable().limit())) break;
        if (key <= op.list_collectable().after()) continue;
        auto* blob = list->add_blobs();
        blob->set_key(key);
        *blob->mutable_id() = ToProto(id);
      }
    }
    if (op.has_finish_collect()) {
      if (!finish_error.ok()) return finish_error;
      for (const std::string& key : op.finish_collect().keys()) blobs[group].erase(key);
    }
    return absl::OkStatus();
  }
};

std::string KeyOf(int i) { return std::to_string(100'000 + i); }

}  // namespace

TEST_CASE("collect: blobs are deleted, then forgotten, in every group") {
  Queues queues;
  queues.blobs[1] = {{"a", BlobId::Make(1, 5, 1)}, {"b", BlobId::Make(2, 5, 2)}};
  queues.blobs[3] = {{"c", BlobId::Make(1, 5, 3)}};
  JobFixture fixture(MakeCollectJob(), Cluster({}, {1, 3}), std::ref(queues));
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(fixture.blobs.deleted.size() == 3);
  CHECK(queues.blobs[1].empty());
  CHECK(queues.blobs[3].empty());
  CHECK(fixture.items.Value() == 3);
  CHECK(*fixture.Run() == RoundEnd::kIdle);
}

TEST_CASE("collect: a placement group that cannot delete keeps its blobs, others go on") {
  Queues queues;
  queues.blobs[1] = {{"a", BlobId::Make(1, 5, 1)}, {"b", BlobId::Make(2, 5, 2)}};
  JobFixture fixture(MakeCollectJob(), Cluster({}), std::ref(queues));
  fixture.blobs.broken_groups = {1};
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(queues.blobs[1].size() == 1);
  CHECK(queues.blobs[1].contains("a"));
  CHECK(absl::IsUnavailable(fixture.Run().status()));  // nothing but what fails
  fixture.blobs.broken_groups.clear();
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(queues.blobs[1].empty());
}

TEST_CASE("collect: what could not be forgotten is deleted again") {
  Queues queues;
  queues.blobs[1] = {{"a", BlobId::Make(1, 5, 1)}};
  queues.finish_error = absl::UnknownError("leader died");
  JobFixture fixture(MakeCollectJob(), Cluster({}), std::ref(queues));
  CHECK(absl::IsUnknown(fixture.Run().status()));
  CHECK(fixture.items.Value() == 0);
  queues.finish_error = absl::OkStatus();
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(fixture.blobs.deleted.size() == 2);
  CHECK(queues.blobs[1].empty());
}

TEST_CASE("collect: a long queue takes several bounded rounds") {
  Queues queues;
  for (int i = 0; i < 2'500; ++i) queues.blobs[1][KeyOf(i)] = BlobId::Make(1, 5, i);
  JobFixture fixture(MakeCollectJob(), Cluster({}), std::ref(queues));
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(fixture.blobs.deleted.size() == 1'024);
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(fixture.blobs.deleted.size() == 2'500);
}

TEST_CASE("collect: blobs that cannot be deleted do not hold up those behind them") {
  Queues queues;
  for (int i = 0; i < 3'000; ++i) queues.blobs[1][KeyOf(i)] = BlobId::Make(1, 5, i);
  for (int i = 3'000; i < 3'100; ++i) queues.blobs[1][KeyOf(i)] = BlobId::Make(2, 5, i);
  JobFixture fixture(MakeCollectJob(), Cluster({}), std::ref(queues));
  fixture.blobs.broken_groups = {1};
  for (int round = 0; round < 4; ++round) (void)fixture.Run();
  CHECK(queues.blobs[1].size() == 3'000);
  // And they have their turn when the end was reached.
  fixture.blobs.broken_groups.clear();
  for (int round = 0; round < 4; ++round) CHECK(fixture.Run().ok());
  CHECK(queues.blobs[1].empty());
}

TEST_CASE("collect: a refused operation is an error") {
  JobFixture fixture(MakeCollectJob(), Cluster({}),
                     [](GroupId, const pb::Operation&, pb::OperationResult& result) {
                       result.set_error(pb::FS_INVAL);
                       return absl::OkStatus();
                     });
  CHECK(absl::IsFailedPrecondition(fixture.Run().status()));
}

}  // namespace openefs::control
