// A cluster of pure cores under a scheduler that one seed decides: which node ticks, which message
// or snapshot arrives (or is lost, doubled, overtaken), which disk finishes a sync, who crashes, is
// paused or cut off, who belongs to the group, whose clock runs wrong. First a phase of faults, in
// which nothing unsafe may happen; then a calm one, in which everything must get done.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkers.h"
#include "common/random.h"
#include "sim_node.h"
#include "sim_options.h"

namespace openefs::replication::sim {

class SimCluster {
 public:
  explicit SimCluster(SimOptions options);

  // Throws Violation.
  SimCounts Run();

 private:
  // A node's circumstances.
  struct Host {
    int side = 0;       // nodes of different sides do not hear each other
    bool slow = false;  // its timer all but stands still
    int paused_until = 0;
    std::vector<pb::RaftMessage> socket;  // what came while it was paused
    uint64_t next_barrier = 1;
    // Its clock, in thousandths of a microsecond, and how fast that runs, in thousandths.
    uint64_t clock = 1'000'000;
    uint64_t rate = 1000;
    uint64_t last_tick_us = 0;
    uint64_t now_us() const { return clock / 1000; }
  };
  struct Transit {
    NodeId from = 0;
    NodeId to = 0;
    Snapshot snapshot;
  };

  uint64_t Random(uint64_t below) { return random_.Next64() % below; }
  bool Chance(int percent) { return Random(100) < static_cast<uint64_t>(percent); }
  bool Happens(int per_1000) { return Random(1000) < static_cast<uint64_t>(per_1000); }
  SimNode& RandomNode() { return *nodes_[Random(nodes_.size())]; }
  Host& HostOf(const SimNode& node) { return hosts_[node.id() - 1]; }
  bool Awake(const SimNode& node) { return node.running() && HostOf(node).paused_until <= step_; }

  // sim_cluster.cc
  void FaultyPhase();
  void CalmPhase();
  void Step();
  void PassTime(uint64_t us);
  void DeliverOne();
  void Deliver(pb::RaftMessage message);
  void WakeUp(SimNode& node);
  void DeliverAll();
  bool DeliverSnapshot();
  void SendSnapshots(SimNode& node);
  void Act(SimNode& node);
  void MaybeTick(SimNode& node);
  void Propose(SimNode& node);
  void AskBarrier(SimNode& node);
  void Settle(SimNode& node);
  void CountEvents();
  bool Cut(NodeId from, NodeId to) const {
    return hosts_[from - 1].side != hosts_[to - 1].side || cut_links_.contains({from, to});
  }
  bool AllDone();
  std::string Describe() const;

  // sim_faults.cc
  void MaybeFault();
  void MaybeChange();
  raft::Configuration RandomConfiguration();
  void Start(SimNode& node);
  void Partition();
  void CutLink();
  void PauseSomebody();
  void BreakPromises();
  void Isolate(NodeId node);
  SimNode& CrashVictim();
  void Crash(SimNode& node);
  void Fall(SimNode& node);

  const SimOptions options_;
  SeededRandom random_;
  Nodes nodes_;
  Checkers checkers_;
  std::vector<Host> hosts_;
  std::set<std::pair<NodeId, NodeId>> cut_links_;  // (from, to)
  std::vector<pb::RaftMessage> network_;
  std::vector<Transit> transits_;
  std::deque<Snapshot> old_snapshots_;
  int step_ = 0;
  bool calm_ = false;
  uint64_t next_value_ = 1;
  SimCounts counts_;
};

}  // namespace openefs::replication::sim
