// A cluster of pure cores under a scheduler that one seed decides: which node ticks, which message
// arrives (or is lost, doubled, overtaken), which disk finishes a sync, who crashes, who is cut
// off. First a phase of faults, in which nothing unsafe may happen; then a calm one, in which
// everything must get done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers.h"
#include "common/random.h"
#include "sim_node.h"

namespace openefs::replication::sim {

struct SimOptions {
  uint64_t seed = 0;
  raft::PlantedBug planted_bug = raft::PlantedBug::kNone;
  int steps = 300;

  // Chosen by the seed, in percent.
  size_t nodes = 3;
  int loss = 0;
  int duplication = 0;
  int crashes_per_1000_steps = 0;
  int leader_crashes_per_1000_steps = 0;
  int fallen_leaders = 0;  // of the new ones
  int partitions_per_1000_steps = 0;
  int compactions_per_1000_steps = 0;
  int slow_clocks_per_1000_steps = 0;
  int proposals = 10;         // per node and step
  int syncs = 50;             // per node and step
  size_t append_entries = 3;  // at most, in one message

  static SimOptions FromSeed(uint64_t seed);
  std::string ToString() const;
};

// What a run went through: one that exercised nothing proves nothing.
struct SimCounts {
  size_t leaders = 0;
  size_t committed = 0;
  size_t barriers = 0;
  size_t crashes = 0;
  size_t partitions = 0;
  size_t lost_writes = 0;
  size_t disk_reads = 0;
  size_t compactions = 0;
  size_t dropped_barriers = 0;

  void Add(const SimCounts& other);
};

class SimCluster {
 public:
  explicit SimCluster(SimOptions options);

  // Throws Violation.
  SimCounts Run();

 private:
  uint64_t Random(uint64_t below) { return random_.Next64() % below; }
  bool Chance(int percent) { return Random(100) < static_cast<uint64_t>(percent); }
  SimNode& RandomNode() { return *nodes_[Random(nodes_.size())]; }

  void FaultyPhase();
  void CalmPhase();
  void Step();
  void DeliverOne();
  void DeliverAll();
  void Propose(SimNode& node);
  void AskBarrier(SimNode& node);
  void Act(SimNode& node);
  void MaybeFault();
  void Partition();
  SimNode& CrashVictim();
  void Crash(SimNode& node);
  void Settle(SimNode& node);
  void Fall(SimNode& node);
  bool Cut(NodeId a, NodeId b) const { return side_[a - 1] != side_[b - 1]; }
  bool AllDone() const;

  const SimOptions options_;
  SeededRandom random_;
  Nodes nodes_;
  Checkers checkers_;
  std::vector<int> side_;   // nodes of different sides do not hear each other
  std::vector<char> slow_;  // nodes whose clocks all but stand still
  std::vector<pb::RaftMessage> network_;
  bool calm_ = false;
  uint64_t next_value_ = 1;
  std::vector<uint64_t> next_barrier_;
  SimCounts counts_;
};

}  // namespace openefs::replication::sim
