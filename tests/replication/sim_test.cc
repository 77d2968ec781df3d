// The core under a seeded simulator: hundreds of clusters under faults, and the proof that the
// checkers see faults that are planted. A failing seed is run again with
// OPENEFS_SIM_SEED=<seed> replication_test "the core keeps its promises under faults".
#include <catch2/catch.hpp>
#include <cstdlib>

#include "sim/sim_cluster.h"

namespace openefs::replication::sim {
namespace {

// Empty if the run kept all promises.
std::string RunSeed(SimOptions options, SimCounts& counts) {
  try {
    counts.Add(SimCluster(options).Run());
  } catch (const Violation& violation) {
    return options.ToString() + ": " + violation.what();
  }
  return "";
}

TEST_CASE("the core keeps its promises under faults") {
  SimCounts counts;
  if (const char* seed = std::getenv("OPENEFS_SIM_SEED")) {
    CHECK(RunSeed(SimOptions::FromSeed(std::strtoull(seed, nullptr, 10)), counts) == "");
    return;
  }
  const char* more = std::getenv("OPENEFS_SIM_SEEDS");
  const uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : 100;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    REQUIRE(RunSeed(SimOptions::FromSeed(seed), counts) == "");
  }
  WARN("seeds " << seeds << ", leaders " << counts.leaders << ", committed " << counts.committed
                << ", barriers " << counts.barriers << ", crashes " << counts.crashes
                << ", lost writes " << counts.lost_writes << ", partitions " << counts.partitions
                << ", disk reads " << counts.disk_reads << ", compactions " << counts.compactions);
  CHECK(counts.leaders > 2 * seeds);
  CHECK(counts.committed > 20 * seeds);
  CHECK(counts.barriers > seeds);
  CHECK(counts.crashes > seeds);
  CHECK(counts.lost_writes > 0);
  CHECK(counts.partitions > seeds);
  CHECK(counts.disk_reads > 0);
  CHECK(counts.compactions > 0);
}

TEST_CASE("the checkers see planted faults") {
  const std::pair<raft::PlantedBug, const char*> bugs[] = {
      {raft::PlantedBug::kAckBeforePersist, "acknowledgement before persistence"},
      {raft::PlantedBug::kCommitOlderTerm, "an older term committed by counting"},
      {raft::PlantedBug::kVoteBeforePersist, "a vote before it is durable"},
      {raft::PlantedBug::kBarrierWithoutQuorum, "a barrier without a majority"},
      {raft::PlantedBug::kCountOwnUnstableLog, "the leader counts what it has not on disk"},
      {raft::PlantedBug::kVoteForStaleLog, "a vote for a candidate whose log is behind"},
  };
  constexpr uint64_t kMaxSeeds = 1000;
  for (const auto& [bug, name] : bugs) {
    std::string found;
    SimCounts counts;
    uint64_t seed = 1;
    for (; seed <= kMaxSeeds && found.empty(); ++seed) {
      SimOptions options = SimOptions::FromSeed(seed);
      options.planted_bug = bug;
      found = RunSeed(options, counts);
    }
    WARN(name << ": " << (found.empty() ? "not found" : found));
    CHECK(!found.empty());
  }
}

}  // namespace
}  // namespace openefs::replication::sim
