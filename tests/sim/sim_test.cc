// The cluster simulator itself: a fixed budget of seeds, and that a seed is the same run every
// time. A failing seed is run again with openefs-sim --seeds 1 --from SEED.
#include <catch2/catch.hpp>
#include <chrono>
#include <set>

#include "common/log.h"
#include "tests/sim/cluster.h"

namespace openefs::sim {
namespace {

// Runs in this time decide how long the test takes; how many seeds fit is no condition.
constexpr auto kBudget = std::chrono::seconds(45);
constexpr uint64_t kFewestSeeds = 5;

TEST_CASE("a cluster keeps its promises under faults", "[seeds]") {
  SetLogLevel(LogLevel::kError);
  Counts counts;
  const auto end = std::chrono::steady_clock::now() + kBudget;
  uint64_t seed = 0;
  while (seed < kFewestSeeds || std::chrono::steady_clock::now() < end) {
    const SimOptions options = SimOptions::FromSeed(++seed);
    const RunResult result = RunSeed(options);
    INFO(options.ToString());
    REQUIRE(result.violation == "");
    counts.Add(result.counts);
  }
  WARN("seeds " << seed << "\n" << counts.ToString());
  CHECK(counts["leaders elected"] >= seed);
  CHECK(counts["operations linearized"] > 10 * seed);
  CHECK(counts["crashes"] > 0);
  CHECK(counts["retries of clients"] > 0);
  // What chance may leave out of a few seeds on a slow machine.
  if (seed < 50) return;
  for (const char* event :
       {"snapshots installed", "snapshots installed by a new replica", "joint changes completed",
        "machines added", "removed replicas taken away", "transfers done",
        "read barriers held by a lease", "reads at once under a lease", "writes torn",
        "pauses of a leader", "partitions", "messages overtaken", "messages doubled",
        "messages lost"}) {
    INFO(event);
    CHECK(counts[event] > 0);
  }
}

TEST_CASE("a seed is the same run every time", "[seeds]") {
  SetLogLevel(LogLevel::kError);
  std::set<uint64_t> hashes;
  for (const uint64_t seed : {101, 102, 103}) {
    SimOptions options = SimOptions::FromSeed(seed);
    options.safety_ms = 3'000;
    const RunResult first = RunSeed(options);
    const RunResult second = RunSeed(options);
    CHECK(first.hash == second.hash);
    CHECK(first.events == second.events);
    CHECK(first.counts.ToString() == second.counts.ToString());
    hashes.insert(first.hash);
  }
  CHECK(hashes.size() == 3);
}

}  // namespace
}  // namespace openefs::sim
