#include "sim_cluster.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace openefs::replication::sim {
namespace {

// More would only be a slower network.
constexpr size_t kMaxMessagesInFlight = 200;
constexpr size_t kMaxSnapshotsInFlight = 8;
constexpr size_t kOldSnapshots = 4;

// Calm ticks after which everything must be done: several elections' worth.
constexpr int kCalmTicks = 300;
// Before that an election may still be going on whose leader's proposals count for nothing.
constexpr int kProposeAtTick = 20;

constexpr uint64_t kTickUs = 10;

raft::Configuration FirstVoters(size_t count) {
  raft::Configuration initial;
  for (NodeId id = 1; id <= count; ++id) initial.voters.push_back(id);
  return initial;
}

raft::RaftOptions CoreOptions(const SimOptions& options) {
  raft::RaftOptions raft;
  raft.heartbeat_ticks = 1;
  raft.election_ticks = options.election_ticks;
  // Small, so that every limit is met.
  raft.flight = {.max_append_bytes = 300,
                 .max_append_entries = options.append_entries,
                 .max_inflight_bytes = 900,
                 .max_inflight_messages = 4};
  raft.learner_flight = raft.flight;
  raft.learner_flight.max_inflight_messages = 2;
  raft.cache_bytes = 400;
  raft.max_unapplied_to_lead = options.unapplied_to_lead;
  raft.planted_bug = options.planted_bug;
  if (options.leases) {
    raft.lease = {.tick_us = kTickUs, .max_drift_percent = SimOptions::kStatedDrift};
  }
  return raft;
}

}  // namespace

SimCluster::SimCluster(SimOptions options)
    : options_(options),
      random_(options.seed),
      checkers_(nodes_, FirstVoters(options.nodes)),
      hosts_(options.nodes + options.spares) {
  raft::RaftOptions raft = CoreOptions(options);
  for (NodeId id = 1; id <= hosts_.size(); ++id) {
    raft.id = id;
    const bool member = id <= options.nodes;
    nodes_.push_back(std::make_unique<SimNode>(
        id, raft, member ? FirstVoters(options.nodes) : raft::Configuration()));
    nodes_.back()->Start(random_.Next64());
  }
  if (options.planted_bug == raft::PlantedBug::kConfigurationWhenCommitted) {
    checkers_.AllowSingleSteps();
  }
}

SimCounts SimCluster::Run() {
  FaultyPhase();
  CalmPhase();
  CountEvents();
  return counts_;
}

void SimCluster::CountEvents() {
  counts_.leaders = checkers_.leaders_seen();
  counts_.committed = checkers_.committed();
  counts_.barriers = checkers_.barriers_held();
  counts_.snapshots = checkers_.installed();
  counts_.configurations = checkers_.configurations().size() - 1;
  for (const auto& [index, configuration] : checkers_.configurations()) {
    if (configuration.joint()) ++counts_.joint;
  }
  for (const auto& node : nodes_) {
    counts_.disk_reads += node->disk_reads;
    counts_.rollbacks += node->rollbacks;
  }
}

void SimCluster::FaultyPhase() {
  for (step_ = 0; step_ < options_.steps; ++step_) {
    MaybeFault();
    MaybeChange();
    Step();
    if (step_ % 16 == 0) checkers_.CheckLogMatching();
  }
}

// Takes out what a node has to say after an input, and looks at it.
void SimCluster::Settle(SimNode& node) {
  node.Drain(network_);
  const size_t leaders = checkers_.leaders_seen();
  checkers_.Check(node);
  SendSnapshots(node);
  if (!calm_ && checkers_.leaders_seen() != leaders && Chance(options_.fallen_leaders)) Fall(node);
}

// A moment: some clocks tick, some messages arrive, some disks and state machines finish something.
void SimCluster::Step() {
  PassTime(Random(10));
  for (uint64_t count = Random(3 * nodes_.size()); count > 0; --count) DeliverOne();
  if (Chance(30)) DeliverSnapshot();
  for (const auto& node : nodes_) {
    if (Awake(*node) && !HostOf(*node).socket.empty()) WakeUp(*node);
    if (Awake(*node)) Act(*node);
  }
}

void SimCluster::PassTime(uint64_t us) {
  for (Host& host : hosts_) host.clock += us * host.rate;
}

// Any input may make it fall.
void SimCluster::Act(SimNode& node) {
  const auto tick = [&] { MaybeTick(node); };
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
    if (Chance(options_.barriers)) AskBarrier(node);
  };
  const auto read = [&] {
    if (node.has_read() && Chance(50)) node.FinishRead();
  };
  const auto install = [&] {
    if (node.installing() && Chance(20)) node.FinishInstall(network_);
  };
  const std::function<void()> inputs[] = {tick, sync, apply, propose, ask, read, install};
  for (const auto& input : inputs) {
    if (!node.running()) return;
    input();
    Settle(node);
  }
}

// Ticks come late, however late, but never closer together than the clock says.
void SimCluster::MaybeTick(SimNode& node) {
  Host& host = HostOf(node);
  if (!options_.leases) {
    if (Chance(host.slow ? 1 : 30)) node.core().Tick();
    return;
  }
  node.core().OnTime(host.now_us());
  if (host.now_us() < host.last_tick_us + kTickUs || !Chance(host.slow ? 1 : 80)) return;
  host.last_tick_us = host.now_us();
  node.core().Tick();
}

void SimCluster::Propose(SimNode& node) {
  if (!node.core().accepts_proposals()) return;
  std::vector<std::shared_ptr<const std::string>> batch;
  for (uint64_t i = Random(3); i != UINT64_MAX; --i) {
    batch.push_back(std::make_shared<const std::string>(std::to_string(next_value_++)));
  }
  node.core().Propose(std::move(batch));
}

void SimCluster::AskBarrier(SimNode& node) {
  const uint64_t id = HostOf(node).next_barrier++;
  checkers_.BarrierAsked(node.id(), id);
  if (!node.core().leads()) ++counts_.dropped_barriers;
  const size_t held = checkers_.barriers_held();
  node.core().OnTime(HostOf(node).now_us());
  node.core().ReadBarrier(id);
  Settle(node);
  if (options_.leases && checkers_.barriers_held() != held) ++counts_.lease_reads;
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
  if (to.running() && !Awake(to)) {
    HostOf(to).socket.push_back(std::move(message));
  } else {
    Deliver(std::move(message));
  }
}

// What came while it was paused is read now; what was asked of it before it reads may come first.
void SimCluster::WakeUp(SimNode& node) {
  if (Chance(options_.barriers)) AskBarrier(node);
  for (pb::RaftMessage& message : std::exchange(HostOf(node).socket, {})) {
    Deliver(std::move(message));
  }
}

void SimCluster::Deliver(pb::RaftMessage message) {
  SimNode& to = *nodes_[message.to() - 1];
  if (!to.running()) return;
  checkers_.CheckMessage(message);
  const NodeId from = message.from();
  const bool told = message.type() == pb::RaftMessage::TIMEOUT_NOW;
  to.core().OnTime(HostOf(to).now_us());
  to.core().Step(std::move(message));
  if (told && to.core().role() == raft::Role::kCandidate) {
    ++counts_.transfers_done;
    if (Chance(30)) Isolate(from);  // which then does not hear that it was obeyed
  }
  Settle(to);
}

void SimCluster::SendSnapshots(SimNode& node) {
  for (const auto& request : std::exchange(node.snapshot_requests, {})) {
    auto snapshot = node.MakeSnapshot();
    if (!snapshot.has_value() || transits_.size() >= kMaxSnapshotsInFlight) {
      node.core().OnSnapshotSent(request.follower, 0);
      node.Drain(network_);
      continue;
    }
    transits_.push_back({node.id(), request.follower, *std::move(snapshot)});
  }
}

// One that is under way ends, well or badly; sometimes one from long ago turns up somewhere. False
// if there was none.
bool SimCluster::DeliverSnapshot() {
  if (!calm_ && !old_snapshots_.empty() && Chance(20)) {
    SimNode& to = RandomNode();
    const Snapshot old = old_snapshots_[Random(old_snapshots_.size())];
    if (Awake(to) && !to.Receive(old)) ++counts_.unwanted_snapshots;
    if (to.running()) Settle(to);
  }
  if (transits_.empty()) return false;
  const Transit transit = std::move(transits_.front());
  transits_.erase(transits_.begin());
  SimNode& from = *nodes_[transit.from - 1];
  SimNode& to = *nodes_[transit.to - 1];
  const bool arrives = Awake(to) && !Cut(transit.from, transit.to) && (calm_ || !Chance(30));
  if (arrives) {
    if (!to.Receive(transit.snapshot)) ++counts_.unwanted_snapshots;
    Settle(to);
    old_snapshots_.push_back(transit.snapshot);
    if (old_snapshots_.size() > kOldSnapshots) old_snapshots_.pop_front();
  }
  if (from.running()) {
    from.core().OnSnapshotSent(transit.to, arrives ? transit.snapshot.meta.index : 0);
    Settle(from);
  }
  return true;
}

// Everyone is up and connected: a leader must come, and all it has must reach every member.
void SimCluster::CalmPhase() {
  calm_ = true;
  cut_links_.clear();
  for (const auto& node : nodes_) {
    Host& host = HostOf(*node);
    host.side = 0;
    host.slow = false;
    host.paused_until = 0;
    host.socket.clear();
    if (!node->running()) Start(*node);
  }
  const uint64_t value_before = next_value_;
  for (int tick = 0; tick < kCalmTicks; ++tick) {
    PassTime(kTickUs * 2);
    for (const auto& node : nodes_) {
      node->core().OnTime(HostOf(*node).now_us());
      node->core().Tick();
      if (next_value_ == value_before && tick >= kProposeAtTick) Propose(*node);
      Settle(*node);
    }
    DeliverAll();
    if (next_value_ != value_before && AllDone()) return;
  }
  throw Violation("no progress although nothing is wrong any more" + Describe());
}

std::string SimCluster::Describe() const {
  std::string text;
  for (const auto& node : nodes_) {
    const raft::Raft& core = node->core();
    text += "\n" + std::to_string(node->id()) + ": role " +
            std::to_string(static_cast<int>(core.role())) + ", leader " +
            std::to_string(core.leader()) + ", term " + std::to_string(core.term()) + ", log " +
            std::to_string(core.log().first_index()) + " to " +
            std::to_string(core.log().last_index()) + "@" + std::to_string(core.log().last_term()) +
            ", commit " + std::to_string(core.commit_index()) + ", voters " +
            raft::ToString(core.configuration()) + " as of " +
            std::to_string(core.configuration_index()) + (core.installing() ? ", installing" : "");
    for (const auto& [peer, progress] : core.progress()) {
      text += "\n  follower " + std::to_string(peer) + ": state " +
              std::to_string(static_cast<int>(progress.state())) + ", match " +
              std::to_string(progress.match()) + ", next " + std::to_string(progress.next());
    }
  }
  return text;
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
    while (DeliverSnapshot()) {
    }
    for (const auto& node : nodes_) {
      if (node->installing()) node->FinishInstall(network_);
      while (node->has_read()) node->FinishRead();
      node->Sync(node->unsynced(), network_);
      Settle(*node);
      node->Apply(node->unapplied());
    }
    if (network_.empty() && transits_.empty()) break;
  }
  checkers_.CheckLogMatching();
}

bool SimCluster::AllDone() {
  const raft::Configuration& last = checkers_.configurations().rbegin()->second;
  if (last.joint()) return false;
  for (const auto& node : nodes_) {
    if (!last.Contains(node->id())) continue;
    const bool done = node->core().commit_index() == checkers_.committed() &&
                      node->handed_out() == checkers_.committed() &&
                      node->disk().last_index() == checkers_.committed() &&
                      node->core().configuration() == last;
    if (!done) return false;
  }
  return true;
}

}  // namespace openefs::replication::sim
