#include <catch2/catch.hpp>

#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

constexpr auto kUp = pb::NODE_UP;
constexpr auto kDown = pb::NODE_DOWN;

// The repair queue of a group: key -> missing mask. The blob's random part is the key's number.
struct Queue {
  std::map<std::string, uint32_t> missing;
  std::vector<std::string> cursors;

  absl::Status operator()(GroupId, const pb::Operation& op, pb::OperationResult& result) {
    if (op.has_list_repairs()) {
      const pb::ListRepairs& list = op.list_repairs();
      cursors.push_back(list.after());
      auto it = missing.upper_bound(list.after());
      for (uint32_t n = 0; it != missing.end() && n < list.limit(); ++it, ++n) {
        auto* repair = result.mutable_repairs()->add_repairs();
        repair->set_key(it->first);
        *repair->mutable_id() = ToProto(BlobId::Make(1, 5, std::stoull(it->first)));
        repair->set_blob_length(4096);
        repair->set_missing_mask(it->second);
      }
      result.mutable_repairs();
    }
    if (op.has_finish_repair()) {
      uint32_t& mask = missing.at(op.finish_repair().key());
      mask &= ~op.finish_repair().repaired_mask();
      if (mask == 0) missing.erase(op.finish_repair().key());
    }
    return absl::OkStatus();
  }
};

std::string KeyOf(int i) { return std::to_string(100'000 + i); }

}  // namespace

TEST_CASE("repair: fragments whose nodes are up are rebuilt, the others wait") {
  Queue queue;
  queue.missing = {{"1", 0b001}, {"2", 0b010}, {"3", 0b011}};
  JobFixture fixture(MakeRepairJob(), Cluster({kUp, kDown, kUp}), std::ref(queue));
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(fixture.blobs.repaired ==
        std::vector<std::pair<BlobId, uint32_t>>{{BlobId::Make(1, 5, 1), 0b001},
                                                 {BlobId::Make(1, 5, 3), 0b001}});
  CHECK(queue.missing == std::map<std::string, uint32_t>{{"2", 0b010}, {"3", 0b010}});
  CHECK(*fixture.Run() == RoundEnd::kIdle);
  fixture.context.cluster = Cluster({kUp, kUp, kUp});
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(queue.missing.empty());
  CHECK(fixture.items.Value() == 4);
}

TEST_CASE("repair: what is rebuilt in part stays queued for the rest") {
  Queue queue;
  queue.missing = {{"1", 0b110}};
  JobFixture fixture(MakeRepairJob(), Cluster({kUp, kUp, kUp}), std::ref(queue));
  fixture.blobs.repairable = 0b010;
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(queue.missing == std::map<std::string, uint32_t>{{"1", 0b100}});
  fixture.blobs.repairable = 0;
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(queue.missing.size() == 1);
}

TEST_CASE("repair: one blob that cannot be rebuilt does not hold up the next") {
  Queue queue;
  queue.missing = {{"1", 1}, {"2", 1}};
  JobFixture fixture(MakeRepairJob(), Cluster({kUp}), std::ref(queue));
  fixture.blobs.repair_error = absl::DataLossError("fewer than k are left");
  CHECK(*fixture.Run() == RoundEnd::kDone);
  CHECK(fixture.blobs.repaired.size() == 2);
  CHECK(queue.missing.size() == 2);
}

TEST_CASE("repair: a long queue is walked in bounded rounds, to its end and again") {
  Queue queue;
  for (int i = 0; i < 150; ++i) queue.missing[KeyOf(i)] = 1;
  JobFixture fixture(MakeRepairJob(), Cluster({kUp}), std::ref(queue));
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(fixture.blobs.repaired.size() == 64);
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(queue.missing.empty());
  CHECK(fixture.blobs.repaired.size() == 150);
  CHECK(*fixture.Run() == RoundEnd::kIdle);
  CHECK(queue.cursors == std::vector<std::string>{"", KeyOf(63), KeyOf(127), ""});
}

TEST_CASE("repair: a queue that waits for a node is walked behind its first page") {
  Queue queue;
  for (int i = 0; i < 1'100; ++i) queue.missing[KeyOf(i)] = 0b10;
  queue.missing[KeyOf(1'100)] = 0b01;
  JobFixture fixture(MakeRepairJob(), Cluster({kUp, kDown}), std::ref(queue));
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(fixture.blobs.repaired.empty());
  CHECK(*fixture.Run() == RoundEnd::kMore);
  CHECK(fixture.blobs.repaired.size() == 1);
}

}  // namespace openefs::control
