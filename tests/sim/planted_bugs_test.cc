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

// A few times what the last of them takes today.
constexpr uint64_t kMaxSeeds = 1600;

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

void ManySnapshots(SimOptions& options) {
  options.crashes = 60;
  options.down_ms = 2'000;
  options.retain_bytes = 2'000;
}

void ManyReadsByLease(SimOptions& options) {
  options.leases = 1;
  options.drift_percent = 0;
  options.reads = 700;
  options.think_us = 2'000;
  options.delay_us = 300;
  options.sync_us = 300;
  options.apply_us = 50;
}

void ManyTransfers(SimOptions& options) {
  ManyReadsByLease(options);
  options.transfers = 120;
  options.one_way_cuts = 60;
}

void ManyPauses(SimOptions& options) {
  ManyReadsByLease(options);
  options.pauses = 60;
  options.pause_ms = 1'000;
}

void ManyElections(SimOptions& options) {
  ManyCrashes(options);
  options.sync_us = 20'000;
  options.transfers = 60;
}

void ManyChanges(SimOptions& options) {
  ManyCuts(options);
  ManyCrashes(options);
  options.member_changes = 120;
}

std::string FindPlanted(MetadataBug bug, void (*favour)(SimOptions&)) {
  return Find([&](SimOptions& options) {
    Plant(bug, options);
    favour(options);
  });
}
std::string FindPlanted(RaftBug bug, void (*favour)(SimOptions&)) {
  return Find([&](SimOptions& options) {
    Plant(bug, options);
    favour(options);
  });
}

TEST_CASE("planted: result records written apart from their effects", "[seeds]") {
  CHECK(FindPlanted(MetadataBug::kResultsApart, ManyCrashes) != "");
}

TEST_CASE("planted: a snapshot without result records", "[seeds]") {
  CHECK(FindPlanted(MetadataBug::kSnapshotWithoutResults, ManySnapshots) != "");
}

// No other checker stands between this fault and the clients.
TEST_CASE("planted: reads without a barrier", "[seeds]") {
  const std::string found = FindPlanted(MetadataBug::kReadWithoutBarrier, ManyCuts);
  CHECK(found.find("linearizability") != std::string::npos);
}

TEST_CASE("planted: a duplicate in flight that is not joined", "[seeds]") {
  CHECK(FindPlanted(MetadataBug::kDuplicateNotJoined, [](SimOptions& options) {
          options.hasty = 500;
          options.names = 1;
          options.think_us = 2'000;
        }) != "");
}

TEST_CASE("planted: acknowledgements before the disk has it", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kAckBeforePersist, [](SimOptions& options) {
          ManyCrashes(options);
          options.power_losses = 30;
        }) != "");
}

TEST_CASE("planted: votes that are not persisted", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kVoteBeforePersist, ManyElections) != "");
}

TEST_CASE("planted: a leader that trusts itself", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kBarrierWithoutQuorum, ManyCuts) != "");
}

TEST_CASE("planted: a leader counts what it has not on disk", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kCountOwnUnstableLog, ManyCrashes) != "");
}

TEST_CASE("planted: votes for logs that are behind", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kVoteForStaleLog, [](SimOptions& options) {
          ManyCuts(options);
          ManyCrashes(options);
        }) != "");
}

TEST_CASE("planted: a configuration applied late", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kConfigurationWhenCommitted, ManyChanges) != "");
}

TEST_CASE("planted: a deposed leader answers", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kAnswerAfterDeposition, ManyCuts) != "");
}

TEST_CASE("planted: a lease kept while leadership is handed over", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kLeaseDuringTransfer, ManyTransfers) != "");
}

TEST_CASE("planted: a lease on a stalled clock", "[seeds]") {
  CHECK(FindPlanted(RaftBug::kLeaseOnStalledClock, ManyPauses) != "");
}

}  // namespace
}  // namespace openefs::sim
