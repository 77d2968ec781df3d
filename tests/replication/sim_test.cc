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
  const uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : 300;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    REQUIRE(RunSeed(SimOptions::FromSeed(seed), counts) == "");
  }
  WARN("seeds=" << seeds << " " << counts.ToString());
  CHECK(counts.leaders > 2 * seeds);
  CHECK(counts.committed > 10 * seeds);
  CHECK(counts.barriers > seeds);
  CHECK(counts.lease_reads > seeds / 2);
  CHECK(counts.crashes > seeds);
  CHECK(counts.lost_writes > seeds / 2);
  CHECK(counts.partitions > seeds);
  CHECK(counts.cut_links > seeds);
  CHECK(counts.pauses > seeds);
  CHECK(counts.broken_promises > 0);
  CHECK(counts.disk_reads > seeds / 2);
  CHECK(counts.compactions > seeds / 2);
  CHECK(counts.joint > seeds / 2);
  CHECK(counts.configurations > seeds);
  CHECK(counts.rollbacks > 0);
  CHECK(counts.snapshots > seeds / 2);
  CHECK(counts.unwanted_snapshots > 0);
  CHECK(counts.transfers > seeds / 2);
  CHECK(counts.transfers_done > seeds / 4);
}

struct Planted {
  raft::PlantedBug bug;
  const char* name;
  void (*prepare)(SimOptions&);  // what the fault needs to matter at all
};

void Nothing(SimOptions&) {}
void ManyLeases(SimOptions& options) {
  options.leases = true;
  options.barriers = 60;
  options.cut_links = 100;
  options.crashes = 100;
  options.pauses = 30;
}
void ManyTransfersOfLeases(SimOptions& options) {
  options.leases = true;
  options.barriers = 60;
  options.transfers = 100;
  options.proposals = 30;
}
void ManyElections(SimOptions& options) {
  options.nodes = 5;
  options.syncs = 15;
  options.crashes = 200;
  options.leader_crashes = 100;
  options.partitions = 100;
}
void ManyBrokenPromises(SimOptions& options) {
  options.leases = true;
  options.nodes = 3;
  options.election_ticks = 20;
  options.broken_promises = 40;
  options.barriers = 60;
  options.syncs = 69;
  options.proposals = 3;
  options.loss = 0;
  options.spares = 0;
  options.changes = 0;
  options.crashes = 0;
}
void ManyPauses(SimOptions& options) {
  options.nodes = 3;
  options.loss = 0;
  options.barriers = 70;
  options.pauses = 60;
  options.syncs = 69;
}
void ManyChanges(SimOptions& options) {
  options.spares = 3;
  options.changes = 150;
}

const Planted kFaults[] = {
    {raft::PlantedBug::kAckBeforePersist, "acknowledgement before persistence", Nothing},
    {raft::PlantedBug::kCommitOlderTerm, "an older term committed by counting", Nothing},
    {raft::PlantedBug::kVoteBeforePersist, "a vote before it is durable", ManyElections},
    {raft::PlantedBug::kBarrierWithoutQuorum, "a barrier without a majority", Nothing},
    {raft::PlantedBug::kCountOwnUnstableLog, "the leader counts what it has not on disk", Nothing},
    {raft::PlantedBug::kVoteForStaleLog, "a vote for a candidate whose log is behind", Nothing},
    {raft::PlantedBug::kConfigurationWhenCommitted, "a configuration applied late", ManyChanges},
    {raft::PlantedBug::kOldAnswerConfirmsBarrier, "an old answer confirms a barrier", ManyPauses},
    {raft::PlantedBug::kAnswerAfterDeposition, "a deposed leader answers", Nothing},
    {raft::PlantedBug::kLeaseDuringTransfer, "a lease kept in a transfer", ManyTransfersOfLeases},
    {raft::PlantedBug::kLeaseOnStalledClock, "a lease on a stalled clock", ManyLeases},
    {raft::PlantedBug::kVoteWithinLease, "a vote within a lease", ManyBrokenPromises},
    {raft::PlantedBug::kInstallOldSnapshot, "an old snapshot installed", Nothing},
};

TEST_CASE("the checkers see planted faults") {
  constexpr uint64_t kMaxSeeds = 500;  // twice what the last of them takes
  for (const Planted& fault : kFaults) {
    std::string found;
    SimCounts counts;
    for (uint64_t seed = 1; seed <= kMaxSeeds && found.empty(); ++seed) {
      SimOptions options = SimOptions::FromSeed(seed);
      fault.prepare(options);
      options.planted_bug = fault.bug;
      found = RunSeed(options, counts);
    }
    WARN(fault.name << ": " << (found.empty() ? "not found" : found));
    CHECK(!found.empty());
  }
}

}  // namespace
}  // namespace openefs::replication::sim
