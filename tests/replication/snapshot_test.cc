// Snapshots between whole nodes: replicas that are too far behind for the log, with crashes of
// either side at every step, broken connections and other leaders meanwhile.
#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Values(int from, int to) {
  std::vector<std::string> values;
  for (int i = from; i < to; ++i) values.push_back(std::to_string(i) + std::string(300, 'v'));
  return values;
}

// A cluster whose logs hold little, in which one node is away until it can only be helped by a
// snapshot.
class SnapshotCluster : public NodeCluster {
 public:
  SnapshotCluster() : NodeCluster(3) {
    options.segment_bytes = 32 << 10;
    options.flush_log_bytes = 16 << 10;
    options.retain_log_bytes = 32 << 10;
    options.snapshot_part_bytes = 8 << 10;
    options.election_ticks = 40;  // so that it is not a slow machine that elects
    StartAll();
    leader = WaitForLeader();
    away = leader % 3 + 1;
    other = away % 3 + 1;
  }

  void ProposeAll(NodeId to, const std::vector<std::string>& values) {
    std::vector<std::shared_ptr<TestContext>> contexts;
    for (const std::string& value : values) {
      contexts.push_back(std::make_shared<TestContext>());
      node(to).Propose(kGroup, value, contexts.back());
    }
    for (auto& context : contexts) REQUIRE(context->Wait().ok());
    proposed.insert(proposed.end(), values.begin(), values.end());
  }

  // The log no longer reaches back to what the node that is away has.
  void LeaveBehind() {
    ProposeAll(leader, Values(0, 20));
    REQUIRE(WaitForValues(away, proposed));
    Kill(away);
    machine(away).LoseUnflushed();
    ProposeAll(leader, Values(20, 700));
    for (const NodeId id : {leader, other}) {
      REQUIRE(Eventually([&] { return node(id).Status(kGroup).first_index > 200; }));
    }
  }

  bool NothingLeft(NodeId id) {
    std::error_code none;
    return !fs::exists(Directory(id) + "/snapshots/1", none) ||
           fs::is_empty(Directory(id) + "/snapshots/1");
  }
  bool InStep() { return WaitUntilInStep(proposed); }

  NodeId leader = 0;
  NodeId away = 0;
  NodeId other = 0;
  std::vector<std::string> proposed;
};

// Ends the work at the given time that a step is reached, as a crash would.
class StopAt {
 public:
  StopAt(SnapshotStep step, int times) : step_(step), left_(times) {}
  SnapshotFaultHook Hook() {
    return [this](SnapshotStep step) {
      if (step == step_ && --left_ <= 0) reached_ = true;
      return reached_ ? absl::InternalError("the node is gone") : absl::OkStatus();
    };
  }
  bool reached() const { return reached_; }

 private:
  const SnapshotStep step_;
  std::atomic<int> left_;
  std::atomic<bool> reached_{false};
};

TEST_CASE("a replica that is too far behind gets a snapshot while proposals go on") {
  SnapshotCluster cluster;
  cluster.LeaveBehind();
  std::atomic<bool> stop{false};
  std::vector<std::string> more;
  std::thread load([&] {
    for (int i = 1000; !stop && i < 4000; ++i) {
      const std::string value = Values(i, i + 1)[0];
      if (!cluster.Propose(cluster.leader, value).ok()) break;
      more.push_back(value);
    }
  });
  REQUIRE(cluster.Start(cluster.away).ok());
  CHECK(NodeCluster::Eventually([&] { return cluster.machine(cluster.away).installs() > 0; }));
  stop = true;
  load.join();
  cluster.proposed.insert(cluster.proposed.end(), more.begin(), more.end());
  CHECK(cluster.InStep());
  for (const NodeId id : cluster.voters()) {
    CHECK(NodeCluster::Eventually([&] { return cluster.NothingLeft(id); }));
  }
  // It takes part again: with it and without another one there is a majority.
  cluster.Kill(cluster.other);
  cluster.ProposeAll(cluster.WaitForLeader(cluster.other), Values(5000, 5010));
  REQUIRE(cluster.Start(cluster.other).ok());
  CHECK(cluster.InStep());
}

TEST_CASE("a replica that dies at any step of taking a snapshot takes it afterwards") {
  const auto [step, times] = GENERATE(table<SnapshotStep, int>({{SnapshotStep::kBegun, 1},
                                                                {SnapshotStep::kPart, 1},
                                                                {SnapshotStep::kPart, 7},
                                                                {SnapshotStep::kVerified, 1},
                                                                {SnapshotStep::kIntent, 1},
                                                                {SnapshotStep::kMachine, 1},
                                                                {SnapshotStep::kLogReset, 1},
                                                                {SnapshotStep::kFinished, 1}}));
  INFO("step " << static_cast<int>(step) << " time " << times);
  SnapshotCluster cluster;
  cluster.LeaveBehind();
  StopAt stop(step, times);
  cluster.options.snapshot_fault = stop.Hook();
  REQUIRE(cluster.Start(cluster.away).ok());
  REQUIRE(NodeCluster::Eventually([&] { return stop.reached(); }));
  cluster.Kill(cluster.away);
  cluster.machine(cluster.away).LoseUnflushed();
  cluster.options.snapshot_fault = nullptr;
  cluster.ProposeAll(cluster.leader, Values(700, 720));
  REQUIRE(cluster.Start(cluster.away).ok());
  CHECK(cluster.InStep());
  CHECK(cluster.machine(cluster.away).installs() >= 1);
  // And it holds over a restart of all.
  cluster.KillAll();
  for (const NodeId id : cluster.voters()) cluster.machine(id).LoseUnflushed();
  cluster.StartAll();
  cluster.ProposeAll(cluster.WaitForLeader(), Values(720, 725));
  CHECK(cluster.InStep());
  for (const NodeId id : cluster.voters()) {
    CHECK(NodeCluster::Eventually([&] { return cluster.NothingLeft(id); }));
  }
}

TEST_CASE("a leader that dies while it sends is followed by one that sends too") {
  const SnapshotStep step =
      GENERATE(SnapshotStep::kCheckpoint, SnapshotStep::kManifest, SnapshotStep::kPart);
  SnapshotCluster cluster;
  cluster.LeaveBehind();
  // Slow enough that it is met in the middle.
  std::atomic<bool> reached{false};
  const auto hook = [&](SnapshotStep s) {
    if (s == step) reached = true;
    return absl::OkStatus();
  };
  for (const NodeId id : {cluster.leader, cluster.other}) cluster.Kill(id);
  cluster.options.snapshot_fault = hook;
  cluster.options.snapshot_bytes_per_second = 200 << 10;
  for (const NodeId id : {cluster.leader, cluster.other}) REQUIRE(cluster.Start(id).ok());
  cluster.leader = cluster.WaitForLeader();
  REQUIRE(cluster.Start(cluster.away).ok());
  REQUIRE(NodeCluster::Eventually([&] { return reached.load(); }));
  cluster.options.snapshot_bytes_per_second = 64 << 20;
  cluster.Kill(cluster.leader);
  // The one that is behind cannot be elected, nor can the other be without it.
  const NodeId next = cluster.WaitForLeader(cluster.leader);
  REQUIRE(next != 0);
  REQUIRE(next != cluster.away);
  cluster.ProposeAll(next, Values(700, 720));
  REQUIRE(cluster.Start(cluster.leader).ok());
  CHECK(cluster.InStep());
  for (const NodeId id : cluster.voters()) {
    CHECK(NodeCluster::Eventually([&] { return cluster.NothingLeft(id); }));
  }
}

TEST_CASE("after a broken connection a snapshot goes on where it was") {
  SnapshotCluster cluster;
  cluster.LeaveBehind();
  std::atomic<int> parts{0};
  std::atomic<int> installs{0};
  cluster.options.snapshot_fault = [&](SnapshotStep step) {
    if (step == SnapshotStep::kMachine) ++installs;
    if (step == SnapshotStep::kPart && ++parts == 10) {
      cluster.network().SetCut(cluster.leader, cluster.away, true);
    }
    return absl::OkStatus();
  };
  REQUIRE(cluster.Start(cluster.away).ok());
  REQUIRE(NodeCluster::Eventually([&] { return parts >= 10; }));
  cluster.ProposeAll(cluster.WaitForLeader(), Values(700, 701));
  cluster.network().SetCut(cluster.leader, cluster.away, false);
  CHECK(cluster.InStep());
  // The state is some 30 parts; the ten that came before need not come again, but for what was
  // under way, and another leader's or a later copy is another one.
  if (installs == 1) CHECK(parts < 80);
}

TEST_CASE("the log stays small while a replica is away, and a far behind one can still come") {
  SnapshotCluster cluster;
  cluster.LeaveBehind();
  for (int round = 0; round < 3; ++round) {
    cluster.ProposeAll(cluster.leader, Values(1000 + round * 300, 1300 + round * 300));
    for (const NodeId id : {cluster.leader, cluster.other}) {
      const auto within = [&] {
        uint64_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(cluster.Directory(id))) {
          if (entry.path().extension() == ".log") bytes += entry.file_size();
        }
        return bytes < (6 << 20);  // zeros that are written ahead count, 1 MiB a segment
      };
      CHECK(NodeCluster::Eventually(within));
    }
  }
  REQUIRE(cluster.Start(cluster.away).ok());
  CHECK(cluster.InStep());
}

TEST_CASE("a disk that is full takes one replica out, and the others go on") {
  NodeCluster cluster(3);
  auto full = std::make_shared<std::atomic<bool>>(false);
  cluster.StartAll();
  const NodeId leader = cluster.WaitForLeader();
  const NodeId victim = leader % 3 + 1;
  cluster.Kill(victim);
  cluster.options.log_fault = [full](LogIo io) {
    return *full && io != LogIo::kSync ? absl::ResourceExhaustedError("No space left on device")
                                       : absl::OkStatus();
  };
  REQUIRE(cluster.Start(victim).ok());
  cluster.options.log_fault = nullptr;
  REQUIRE(cluster.Propose(leader, "before").ok());
  REQUIRE(cluster.WaitForValues(victim, {"before"}));
  *full = true;
  for (int i = 0; i < 50; ++i) REQUIRE(cluster.Propose(leader, std::to_string(i)).ok());
  CHECK(NodeCluster::Eventually([&] { return cluster.node(victim).Status(kGroup).leader == 0; }));
  *full = false;  // room again: what it could not write then is still not there
  REQUIRE(cluster.Propose(leader, "after").ok());
  CHECK(cluster.machine(victim).Values().size() < 52);
  CHECK(cluster.node(leader).Status(kGroup).match_index.at(victim) <
        cluster.node(leader).Status(kGroup).last_index);
  cluster.Kill(victim);
  cluster.machine(victim).LoseUnflushed();
  REQUIRE(cluster.Start(victim).ok());
  CHECK(cluster.WaitForValues(victim, cluster.machine(leader).Values()));
}

}  // namespace
}  // namespace openefs::replication::testing
