// What a simulated run is made of, all decided by its seed, and what it went through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "replication/raft/raft.h"

namespace openefs::replication::sim {

struct SimOptions {
  uint64_t seed = 0;
  raft::PlantedBug planted_bug = raft::PlantedBug::kNone;
  int steps = 300;
  int election_ticks = 5;

  size_t nodes = 3;           // the first voters
  size_t spares = 0;          // that may be added
  size_t append_entries = 3;  // at most, in one message
  // Who has more to apply stands for no election.
  uint64_t unapplied_to_lead = raft::RaftOptions().max_unapplied_to_lead;

  // In percent.
  int loss = 0;
  int duplication = 0;
  int fallen_leaders = 0;  // of the new ones
  int proposals = 10;      // per node and step
  int barriers = 15;       // per node and step
  int syncs = 50;          // per node and step

  // Per 1000 steps.
  int crashes = 0;
  int leader_crashes = 0;
  int partitions = 0;
  int cut_links = 0;
  int slow_clocks = 0;
  int pauses = 0;
  int compactions = 0;
  int changes = 0;          // of the members
  int transfers = 0;        // of leadership
  int broken_promises = 0;  // restarts of those who vouched for a leader

  // Read leases, on clocks that run wrong by up to `drift_percent`; the replicas assume
  // kStatedDrift.
  static constexpr uint64_t kStatedDrift = 5;
  bool leases = false;
  uint64_t drift_percent = kStatedDrift;

  static SimOptions FromSeed(uint64_t seed);
  std::string ToString() const;
};

// A run that exercised nothing proves nothing.
struct SimCounts {
  size_t leaders = 0;
  size_t committed = 0;
  size_t barriers = 0;
  size_t dropped_barriers = 0;
  size_t lease_reads = 0;  // barriers that held at once
  size_t crashes = 0;
  size_t partitions = 0;
  size_t cut_links = 0;
  size_t pauses = 0;
  size_t broken_promises = 0;
  size_t lost_writes = 0;
  size_t disk_reads = 0;
  size_t compactions = 0;
  size_t configurations = 0;  // committed
  size_t joint = 0;           // of them
  size_t rollbacks = 0;       // of configurations that were not committed
  size_t snapshots = 0;       // installed
  size_t unwanted_snapshots = 0;
  size_t transfers = 0;       // begun
  size_t transfers_done = 0;  // leaders that were told to stand for election

  void Add(const SimCounts& other);
  std::string ToString() const;
};

}  // namespace openefs::replication::sim
