// Faults that are planted on purpose: each is found within a bounded number of seeds, by a cluster
// whose options favour what it takes. A checker that finds nothing proves nothing.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "common/log.h"
#include "metadata/planted_bug.h"
#include "replication/raft/raft.h"
#include "tests/sim/cluster.h"

namespace openefs::sim {
namespace {

using MetadataBug = metadata::PlantedBug;
using RaftBug = replication::raft::PlantedBug;

// A few times what it takes today.
constexpr uint64_t kMaxSeeds = 150;

// What was found, and by which seed; empty: nothing.
std::string Find(const std::function<void(SimOptions&)>& change) {
  SetLogLevel(LogLevel::kError);
  for (uint64_t seed = 1; seed <= kMaxSeeds; ++seed) {
    SimOptions options = SimOptions::FromSeed(seed);
    options.safety_ms = 6'000;
    options.bit_rots = 0;
    change(options);
    const RunResult result = RunSeed(options);
    if (result.violation.empty()) continue;
    const std::string found = "seed " + std::to_string(seed) + ": " + result.violation;
    WARN(found.substr(0, found.find('\n')));
    return found;
  }
  return "";
}

void Plant(MetadataBug bug, SimOptions& options) {
  options.planted_metadata = static_cast<int64_t>(bug);
}
void Plant(RaftBug bug, SimOptions& options) { options.planted_raft = static_cast<int64_t>(bug); }

void ManyCrashes(SimOptions& options) {
  options.crashes = options.leader_crashes = 60;
  options.down_ms = 200;
}

void ManyCuts(SimOptions& options) {
  options.partitions = 60;
  options.pauses = 30;
  options.reads = 600;
  options.attempt_timeout_ms = 200;
  options.client_timeout_ms = 400;
}

TEST_CASE("planted: result records written apart from their effects", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(MetadataBug::kResultsApart, options);
          ManyCrashes(options);
        }) != "");
}

TEST_CASE("planted: reads without a barrier", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(MetadataBug::kReadWithoutBarrier, options);
          ManyCuts(options);
        }).find("linearizability") != std::string::npos);
}

TEST_CASE("planted: a duplicate in flight that is not joined", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(MetadataBug::kDuplicateNotJoined, options);
          options.hasty = 500;
          options.names = 1;
          options.domains = 1;
          options.think_us = 2'000;
        }) != "");
}

TEST_CASE("planted: acknowledgements before the disk has it", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(RaftBug::kAckBeforePersist, options);
          ManyCrashes(options);
          options.power_losses = 30;
        }) != "");
}

TEST_CASE("planted: votes for logs that are behind", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(RaftBug::kVoteForStaleLog, options);
          ManyCuts(options);
          ManyCrashes(options);
        }) != "");
}

TEST_CASE("planted: a leader that trusts itself", "[seeds]") {
  CHECK(Find([](SimOptions& options) {
          Plant(RaftBug::kBarrierWithoutQuorum, options);
          ManyCuts(options);
        }).find("linearizability") != std::string::npos);
}

}  // namespace
}  // namespace openefs::sim
