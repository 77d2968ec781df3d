#include "sim_cluster.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace openefs::replication::sim {
namespace {

// More would only be a slower network.
constexpr size_t kMaxMessagesInFlight = 200;

// Calm ticks after which everything must be done: several elections' worth.
constexpr int kCalmTicks = 200;
// Before that an election may still be going on whose leader's proposals count for nothing.
constexpr int kProposeAtTick = 20;

}  // namespace

SimOptions SimOptions::FromSeed(uint64_t seed) {
  SeededRandom random(seed * 2 + 1);
  const auto pick = [&](uint64_t below) { return static_cast<int>(random.Next64() % below); };
  SimOptions options;
  options.seed = seed;
  options.nodes = pick(2) == 0 ? 5 : 3;
  options.loss = pick(2) == 0 ? 0 : pick(30);
  options.duplication = pick(2) == 0 ? 0 : pick(15);
  options.crashes_per_1000_steps = pick(4) == 0 ? 0 : pick(100);
  options.partitions_per_1000_steps = pick(3) == 0 ? 0 : pick(80);
  options.slow_clocks_per_1000_steps = pick(3) == 0 ? 0 : pick(40);
  options.compactions_per_1000_steps = pick(2) == 0 ? 0 : pick(100);
  options.append_entries = 1 + pick(4);
  options.proposals = 1 + pick(30);
  options.syncs = 10 + pick(60);
  if (pick(3) == 0) {  // a storm: leaders fall before their entries are everywhere
    options.nodes = 5;
    options.proposals = 1 + pick(5);
    options.append_entries = 1;
    options.leader_crashes_per_1000_steps = pick(2) == 0 ? 0 : 50 + pick(150);
    options.partitions_per_1000_steps = 50 + pick(150);
    options.fallen_leaders = 20 + pick(60);
  }
  return options;
}

std::string SimOptions::ToString() const {
  return "seed=" + std::to_string(seed) + " bug=" + std::to_string(static_cast<int>(planted_bug)) +
         " nodes=" + std::to_string(nodes) + " steps=" + std::to_string(steps) +
         " loss=" + std::to_string(loss) + " duplication=" + std::to_string(duplication) +
         " crashes=" + std::to_string(crashes_per_1000_steps) +
         " partitions=" + std::to_string(partitions_per_1000_steps) +
         " append_entries=" + std::to_string(append_entries) +
         " compactions=" + std::to_string(compactions_per_1000_steps) +
         " slow_clocks=" + std::to_string(slow_clocks_per_1000_steps) +
         " proposals=" + std::to_string(proposals) + " syncs=" + std::to_string(syncs) +
         " leader_crashes=" + std::to_string(leader_crashes_per_1000_steps) +
         " fallen_leaders=" + std::to_string(fallen_leaders);
}

void SimCounts::Add(const SimCounts& o) {
  leaders += o.leaders;
  committed += o.committed;
  barriers += o.barriers;
  crashes += o.crashes;
  partitions += o.partitions;
  lost_writes += o.lost_writes;
  disk_reads += o.disk_reads;
  compactions += o.compactions;
  dropped_barriers += o.dropped_barriers;
}

SimCluster::SimCluster(SimOptions options)
    : options_(options),
      random_(options.seed),
      checkers_(nodes_),
      side_(options.nodes, 0),
      slow_(options.nodes, false),
      next_barrier_(options.nodes, 1) {
  raft::RaftOptions raft;
  raft::Configuration initial;
  for (NodeId id = 1; id <= options.nodes; ++id) initial.voters.push_back(id);
  raft.heartbeat_ticks = 1;
  raft.election_ticks = 5;
  // Small, so that every limit is met.
  raft.flight = {.max_append_bytes = 300,
                 .max_append_entries = options.append_entries,
                 .max_inflight_bytes = 900,
                 .max_inflight_messages = 4};
  raft.cache_bytes = 400;
  raft.planted_bug = options.planted_bug;
  for (const NodeId id : initial.voters) {
    raft.id = id;
    nodes_.push_back(std::make_unique<SimNode>(id, raft, initial));
    nodes_.back()->Start(random_.Next64());
  }
}

SimCounts SimCluster::Run() {
  FaultyPhase();
  CalmPhase();
  counts_.leaders = checkers_.leaders_seen();
  counts_.committed = checkers_.committed();
  counts_.barriers = checkers_.barriers_held();
  for (const auto& node : nodes_) counts_.disk_reads += node->disk_reads;
  return counts_;
}

void SimCluster::FaultyPhase() {
  for (int step = 0; step < options_.steps; ++step) {
    MaybeFault();
    Step();
    if (step % 16 == 0) checkers_.CheckLogMatching();
  }
}

// Takes out what a node has to say after an input, and looks at it.
void SimCluster::Settle(SimNode& node) {
  node.Drain(network_);
  const size_t leaders = checkers_.leaders_seen();
  checkers_.Check(node);
  if (!calm_ && checkers_.leaders_seen() != leaders && Chance(options_.fallen_leaders)) Fall(node);
}

// A new leader falls when its own disk has its first entry and hardly anybody else: what makes the
// rule about older terms matter (paper figure 8).
void SimCluster::Fall(SimNode& node) {
  node.Sync(node.unsynced(), network_);
  std::erase_if(network_, [&](const auto& m) { return m.from() == node.id() && Chance(80); });
  Crash(node);
}

// A moment: some clocks tick, some messages arrive, some disks and state machines finish something.
void SimCluster::Step() {
  for (uint64_t count = Random(3 * nodes_.size()); count > 0; --count) DeliverOne();
  for (const auto& node : nodes_) {
    if (node->running()) Act(*node);
  }
}

// Any input may make it fall.
void SimCluster::Act(SimNode& node) {
  const auto tick = [&] {
    if (Chance(slow_[node.id() - 1] ? 1 : 30)) node.core().Tick();
  };
  const auto sync = [&] {
    if (Chance(options_.syncs)) node.Sync(1 + Random(3), network_);
  };
  const auto apply = [&] {
    if (Chance(50)) node.Apply(1 + Random(4));
  };
  const auto propose = [&] {
    if (Chance(options_.proposals)) Propose(node);
  };
  const auto ask = [&] {
    if (Chance(15)) AskBarrier(node);
  };
  const auto read = [&] {
    if (node.has_read() && Chance(50)) node.FinishRead();
  };
  const std::function<void()> inputs[] = {tick, sync, apply, propose, ask, read};
  for (const auto& input : inputs) {
    if (!node.running()) return;
    input();
    Settle(node);
  }
}

void SimCluster::Propose(SimNode& node) {
  if (!node.core().leads()) return;
  std::vector<std::shared_ptr<const std::string>> batch;
  for (uint64_t i = Random(3); i != UINT64_MAX; --i) {
    batch.push_back(std::make_shared<const std::string>(std::to_string(next_value_++)));
  }
  node.core().Propose(std::move(batch));
}

void SimCluster::AskBarrier(SimNode& node) {
  const uint64_t id = next_barrier_[node.id() - 1]++;
  checkers_.BarrierAsked(node.id(), id);
  if (!node.core().leads()) ++counts_.dropped_barriers;
  node.core().ReadBarrier(id);
}

// Messages overtake each other, mostly by a few places, sometimes by all.
void SimCluster::DeliverOne() {
  if (network_.empty()) return;
  const size_t among = Chance(10) ? network_.size() : std::min<size_t>(network_.size(), 6);
  const auto chosen = network_.begin() + static_cast<std::ptrdiff_t>(Random(among));
  pb::RaftMessage message = std::move(*chosen);
  network_.erase(chosen);
  if (Chance(options_.duplication)) network_.push_back(message);
  if (network_.size() > kMaxMessagesInFlight) network_.erase(network_.begin());
  if (Chance(options_.loss) || Cut(message.from(), message.to())) return;
  SimNode& to = *nodes_[message.to() - 1];
  if (!to.running()) return;
  checkers_.CheckMessage(message);
  to.core().Step(std::move(message));
  Settle(to);
}

void SimCluster::MaybeFault() {
  const auto happens = [&](int per_1000) { return Random(1000) < static_cast<uint64_t>(per_1000); };
  if (happens(options_.crashes_per_1000_steps)) Crash(CrashVictim());
  for (const auto& node : nodes_) {
    const bool leads = node->running() && node->core().leads();
    if (leads && happens(options_.leader_crashes_per_1000_steps)) Crash(*node);
    if (!node->running() && happens(300)) {
      node->Start(random_.Next64());
      next_barrier_[node->id() - 1] = 1;
    }
  }
  if (happens(options_.partitions_per_1000_steps)) Partition();
  if (happens(50)) std::fill(side_.begin(), side_.end(), 0);
  if (happens(options_.slow_clocks_per_1000_steps)) slow_[RandomNode().id() - 1] ^= true;
  SimNode& node = RandomNode();
  if (node.running() && happens(options_.compactions_per_1000_steps)) {
    const uint64_t first = node.core().log().first_index();
    node.Flush();
    node.Compact();
    if (node.core().log().first_index() != first) ++counts_.compactions;
  }
}

// Any split; often a leader alone on its side.
void SimCluster::Partition() {
  ++counts_.partitions;
  const bool leader_alone = Chance(50);
  for (const auto& node : nodes_) {
    const bool leads = node->running() && node->core().leads();
    side_[node->id() - 1] = leader_alone ? (leads ? 1 : 0) : static_cast<int>(Random(2));
    if (leads && leader_alone && Chance(50)) slow_[node->id() - 1] = true;
  }
}

// Often one that has something to lose.
SimNode& SimCluster::CrashVictim() {
  SimNode* victim = &RandomNode();
  for (int tries = 0; tries < 8 && victim->unsynced() == 0; ++tries) victim = &RandomNode();
  return *victim;
}

void SimCluster::Crash(SimNode& node) {
  if (!node.running()) return;
  ++counts_.crashes;
  const size_t surviving = Random(node.unsynced() + 1);
  if (surviving < node.unsynced()) ++counts_.lost_writes;
  node.Crash(surviving);
  checkers_.Crashed(node.id());
}

// Everyone is up and connected: a leader must come, and all it has must reach everybody.
void SimCluster::CalmPhase() {
  calm_ = true;
  std::fill(side_.begin(), side_.end(), 0);
  std::fill(slow_.begin(), slow_.end(), false);
  for (const auto& node : nodes_) {
    if (!node->running()) {
      node->Start(random_.Next64());
      next_barrier_[node->id() - 1] = 1;
    }
  }
  const uint64_t value_before = next_value_;
  for (int tick = 0; tick < kCalmTicks; ++tick) {
    for (const auto& node : nodes_) {
      node->core().Tick();
      if (next_value_ == value_before && tick >= kProposeAtTick) Propose(*node);
      Settle(*node);
    }
    DeliverAll();
    if (next_value_ != value_before && AllDone()) return;
  }
  throw Violation("no progress although nothing is wrong any more");
}

void SimCluster::DeliverAll() {
  constexpr int kRounds = 8;  // of requests and answers in one tick
  for (int round = 0; round < kRounds; ++round) {
    for (pb::RaftMessage& message : std::exchange(network_, {})) {
      SimNode& to = *nodes_[message.to() - 1];
      checkers_.CheckMessage(message);
      to.core().Step(std::move(message));
      Settle(to);
    }
    for (const auto& node : nodes_) {
      while (node->has_read()) node->FinishRead();
      node->Sync(node->unsynced(), network_);
      Settle(*node);
      node->Apply(node->unapplied());
    }
    if (network_.empty()) break;
  }
  checkers_.CheckLogMatching();
}

bool SimCluster::AllDone() const {
  for (const auto& node : nodes_) {
    const bool done = node->core().commit_index() == checkers_.committed() &&
                      node->handed_out() == checkers_.committed() &&
                      node->disk().last_index() == checkers_.committed();
    if (!done) return false;
  }
  return true;
}

}  // namespace openefs::replication::sim
