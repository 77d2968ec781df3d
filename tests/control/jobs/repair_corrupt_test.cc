#include <catch2/catch.hpp>

#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

constexpr auto kUp = pb::NODE_UP;

// What files refer to, by group, with its length.
struct Referenced {
  std::map<GroupId, std::map<BlobId, uint32_t>> blobs;
  std::map<GroupId, absl::Status> errors;

  absl::Status operator()(GroupId group, const pb::Operation& op, pb::OperationResult& result) {
    if (!errors[group].ok()) return errors[group];
    for (const pb::BlobId& id : op.check_blobs().blobs()) {
      const auto found = blobs[group].find(FromProto(id));
      const bool known = found != blobs[group].end();
      result.mutable_check_blobs()->add_known(known);
      result.mutable_check_blobs()->add_blob_lengths(known ? found->second : 0);
    }
    return absl::OkStatus();
  }
};

using Repaired = std::vector<std::pair<BlobId, uint32_t>>;

BlobId Blob(uint64_t random) { return BlobId::Make(1, 5, random); }

struct CorruptFixture {
  explicit CorruptFixture(const std::vector<pb::NodeStatus>& states,
                          const std::vector<GroupId>& groups = {1})
      : job(MakeRepairCorruptJob(), Cluster(states, groups), std::ref(referenced)) {
    for (NodeId id = 1; id <= states.size(); ++id) {
      job.nodes[id] = std::make_shared<FakeDataNode>();
      job.nodes[id]->fragment = static_cast<uint32_t>(id - 1);
    }
  }

  void Corrupt(NodeId node, BlobId blob) {
    job.nodes[node]->blobs.insert(blob);
    job.nodes[node]->corrupt.insert(blob);
  }

  void Pass() {
    int rounds = 0;
    for (auto end = job.Run(); end.ok() && *end == RoundEnd::kMore; end = job.Run()) {
      REQUIRE(++rounds < 100);
    }
  }

  Referenced referenced;
  JobFixture job;
};

}  // namespace

TEST_CASE("repair_corrupt: what a file uses is rebuilt, whichever group and node has it") {
  CorruptFixture fixture({kUp, kUp, kUp}, {1, 2});
  fixture.referenced.blobs[1] = {{Blob(1), 100}, {Blob(2), 200}};
  fixture.referenced.blobs[2] = {{Blob(3), 300}};
  fixture.job.nodes[1]->blobs = {Blob(1), Blob(2), Blob(3)};
  fixture.Corrupt(2, Blob(2));
  fixture.Corrupt(3, Blob(3));
  fixture.Corrupt(3, Blob(4));  // of no file: collected or swept by others
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired == Repaired{{Blob(2), 0b010}, {Blob(3), 0b100}});
  CHECK(fixture.job.items.Value() == 2);
}

TEST_CASE("repair_corrupt: a round is bounded, and nothing is forgotten") {
  CorruptFixture fixture({kUp});
  for (uint64_t i = 1; i <= 150; ++i) {
    fixture.Corrupt(1, Blob(i));
    fixture.referenced.blobs[1][Blob(i)] = 1;
  }
  CHECK(*fixture.job.Run() == RoundEnd::kMore);
  CHECK(fixture.job.blobs.repaired.size() == 64);
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired.size() == 150);
  CHECK(fixture.job.nodes[1]->lists == 1);
}

TEST_CASE("repair_corrupt: pages follow each other to the end of a node") {
  CorruptFixture fixture({kUp});
  fixture.job.nodes[1]->page = 3;
  for (uint64_t i = 1; i <= 10; ++i) {
    fixture.Corrupt(1, Blob(i));
    fixture.referenced.blobs[1][Blob(i)] = 1;
  }
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired.size() == 10);
}

TEST_CASE("repair_corrupt: who does not answer is asked again in the next pass") {
  CorruptFixture fixture({kUp, kUp, kUp});
  for (NodeId node = 1; node <= 3; ++node) {
    fixture.Corrupt(node, Blob(node));
    fixture.referenced.blobs[1][Blob(node)] = 1;
  }
  fixture.job.nodes[1]->error = absl::UnavailableError("cut off");
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired == Repaired{{Blob(2), 0b010}, {Blob(3), 0b100}});

  fixture.job.blobs.repaired.clear();
  fixture.job.nodes[1]->error = absl::OkStatus();
  fixture.referenced.errors[1] = absl::UnavailableError("no leader");
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired.empty());

  fixture.referenced.errors.clear();
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired.size() == 3);
}

TEST_CASE("repair_corrupt: what cannot be rebuilt does not keep the others, and is tried again") {
  CorruptFixture fixture({kUp});
  fixture.Corrupt(1, Blob(1));
  fixture.Corrupt(1, Blob(2));
  fixture.referenced.blobs[1] = {{Blob(1), 1}, {Blob(2), 1}};
  fixture.job.blobs.repair_error = absl::DataLossError("two fragments of three");
  fixture.Pass();
  CHECK(fixture.job.blobs.repaired.size() == 2);
  CHECK(fixture.job.items.Value() == 0);
  fixture.job.blobs.repair_error = absl::OkStatus();
  fixture.Pass();
  CHECK(fixture.job.items.Value() == 2);
}

}  // namespace openefs::control
