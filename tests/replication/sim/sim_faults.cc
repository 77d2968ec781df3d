// What goes wrong in a simulated run, and what is changed while it goes on.
#include <algorithm>
#include <utility>

#include "sim_cluster.h"

namespace openefs::replication::sim {

void SimCluster::MaybeFault() {
  if (Happens(options_.crashes)) Crash(CrashVictim());
  for (const auto& node : nodes_) {
    const bool leads = node->running() && node->core().leads();
    if (leads && Happens(options_.leader_crashes)) Crash(*node);
    if (!node->running() && Happens(300)) Start(*node);
  }
  if (Happens(options_.partitions)) Partition();
  if (Happens(50)) {
    for (Host& host : hosts_) host.side = 0;
    cut_links_.clear();
  }
  if (Happens(options_.cut_links)) CutLink();
  if (Happens(options_.slow_clocks)) hosts_[Random(hosts_.size())].slow ^= true;
  if (Happens(options_.pauses)) PauseSomebody();
  if (Happens(options_.broken_promises)) BreakPromises();
  const uint64_t drift = 10 * options_.drift_percent;
  if (options_.leases && Chance(10)) {
    hosts_[Random(hosts_.size())].rate = 1000 - drift + Random(2 * drift + 1);
  }
  SimNode& node = RandomNode();
  if (Awake(node) && Happens(options_.compactions)) {
    const uint64_t first = node.core().log().first_index();
    node.Flush();
    node.Compact(Chance(50));
    if (node.core().log().first_index() != first) ++counts_.compactions;
  }
}

// What an operator does, or a leader that shuts down.
void SimCluster::MaybeChange() {
  for (const auto& node : nodes_) {
    if (!Awake(*node) || !node->core().leads()) continue;
    if (Happens(options_.changes)) node->core().ProposeConfiguration(RandomConfiguration());
    if (Happens(options_.transfers)) {
      if (node->core().TransferLeadership(RandomNode().id())) ++counts_.transfers;
    }
    Settle(*node);
  }
}

raft::Configuration SimCluster::RandomConfiguration() {
  raft::Configuration target;
  const int voters = static_cast<int>(20 + Random(80));
  for (const auto& node : nodes_) {
    if (Chance(voters)) {
      target.voters.push_back(node->id());
    } else if (Chance(50)) {
      target.learners.push_back(node->id());
    }
  }
  return target;
}

void SimCluster::Start(SimNode& node) {
  node.Start(random_.Next64());
  HostOf(node).next_barrier = 1;
  HostOf(node).socket.clear();
}

// Any split; often a leader alone on its side, or one that cannot tell how time passes.
void SimCluster::Partition() {
  ++counts_.partitions;
  const bool leader_alone = Chance(50);
  for (const auto& node : nodes_) {
    const bool leads = node->running() && node->core().leads();
    Host& host = HostOf(*node);
    host.side = leader_alone ? (leads ? 1 : 0) : static_cast<int>(Random(2));
    if (leads && leader_alone && Chance(50)) host.slow = true;
  }
}

// One way, or both.
void SimCluster::CutLink() {
  const NodeId a = RandomNode().id();
  const NodeId b = RandomNode().id();
  if (a == b) return;
  ++counts_.cut_links;
  cut_links_.insert({a, b});
  if (Chance(60)) cut_links_.insert({b, a});
}

void SimCluster::Isolate(NodeId node) {
  for (NodeId id = 1; id <= hosts_.size(); ++id) hosts_[id - 1].side = id == node ? 1 : 0;
}

// Often a leader, that does not know then what it missed.
void SimCluster::PauseSomebody() {
  ++counts_.pauses;
  SimNode* victim = &RandomNode();
  for (const auto& node : nodes_) {
    if (node->running() && node->core().leads() && Chance(50)) victim = node.get();
  }
  if (victim->running() && victim->core().leads() && Chance(50)) {
    // It has in its socket what came before, and gets nothing of what follows.
    for (pb::RaftMessage& m : std::exchange(network_, {})) {
      std::vector<pb::RaftMessage>& where =
          m.to() == victim->id() ? HostOf(*victim).socket : network_;
      where.push_back(std::move(m));
    }
    Isolate(victim->id());
  }
  HostOf(*victim).paused_until = step_ + static_cast<int>(5 + Random(40));
}

// A leader is cut off, most of those who vouched for it restart, and somebody wants to take its
// place at once: what they promised must outlast what they forget.
void SimCluster::BreakPromises() {
  SimNode* eager = nullptr;
  for (const auto& node : nodes_) {
    if (!Awake(*node)) continue;
    if (node->core().leads()) {
      Isolate(node->id());
    } else if (Chance(60)) {
      Crash(*node);
      Start(*node);
    } else {
      eager = node.get();
    }
  }
  if (eager == nullptr) return;
  ++counts_.broken_promises;
  eager->core().Campaign();
  Settle(*eager);
}

// Often one that has something to lose.
SimNode& SimCluster::CrashVictim() {
  SimNode* victim = &RandomNode();
  const auto nothing = [&] { return victim->unsynced() == 0 && !victim->installing(); };
  for (int tries = 0; tries < 8 && nothing(); ++tries) victim = &RandomNode();
  return *victim;
}

void SimCluster::Crash(SimNode& node) {
  if (!node.running()) return;
  ++counts_.crashes;
  const size_t surviving = Random(node.unsynced() + 1);
  if (surviving < node.unsynced()) ++counts_.lost_writes;
  node.Crash(surviving, Chance(50));
  checkers_.Crashed(node.id());
}

// A new leader falls when its own disk has its first entry and hardly anybody else: what makes the
// rule about older terms matter (paper figure 8).
void SimCluster::Fall(SimNode& node) {
  node.Sync(node.unsynced(), network_);
  std::erase_if(network_, [&](const auto& m) { return m.from() == node.id() && Chance(80); });
  Crash(node);
}

}  // namespace openefs::replication::sim
