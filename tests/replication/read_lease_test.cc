// Read leases of whole nodes, on clocks that stand still unless the test moves them: what is served
// without a round to the others, and what never is.
#include "replication/node/read_lease.h"

#include <catch2/catch.hpp>

#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

class StandingClock final : public Clock {
 public:
  int64_t MonotonicNs() const override { return run_ns_; }
  int64_t BootNs() const override { return run_ns_ + suspended_ns_; }
  int64_t WallNs() const override { return run_ns_; }
  void Run(int64_t ms) { run_ns_ += ms * 1'000'000; }
  void Suspend(int64_t ms) { suspended_ns_ += ms * 1'000'000; }

 private:
  std::atomic<int64_t> run_ns_{1'000'000'000};
  std::atomic<int64_t> suspended_ns_{0};
};

// A lease of ticks of 5 ms is shorter than this, and an election takes longer.
constexpr int64_t kLongerThanLeaseMs = 33;

class Leases {
 public:
  // `vouching`: how many of the nodes have the setting.
  explicit Leases(NodeId vouching = 3) : cluster(3) {
    for (const NodeId id : cluster.voters()) cluster.clocks[id] = &clocks_[id];
    for (const NodeId id : cluster.voters()) {
      cluster.options.read_leases = id <= vouching;
      if (!cluster.Start(id).ok()) throw std::runtime_error("a node does not start");
    }
    leader = ElectedAmong({1, 2, 3});
  }

  NodeId ElectedAmong(const std::vector<NodeId>& nodes) {
    NodeId elected = 0;
    RunUntil(nodes, [&] {
      for (const NodeId id : nodes) {
        if (cluster.machine(id).leads() != 0 && cluster.node(id).Status(kGroup).is_leader) {
          elected = id;
        }
      }
      return elected != 0;
    });
    return elected;
  }

  // Lets the clocks of some nodes run, much slower than their threads.
  bool RunUntil(const std::vector<NodeId>& nodes, const std::function<bool()>& condition) {
    return NodeCluster::Eventually([&] {
      for (const NodeId id : nodes) clocks_[id].Run(1);
      return condition();
    });
  }

  // A read that the leader may answer whenever it can.
  std::shared_ptr<std::promise<absl::Status>> Ask() {
    auto asked = std::make_shared<std::promise<absl::Status>>();
    cluster.node(leader).ReadBarrier(kGroup,
                                     [asked](absl::Status s) { asked->set_value(std::move(s)); });
    return asked;
  }

  // Until the leader's loop has acted on all that was asked of it, by questions it always refuses.
  void Settle() {
    for (int i = 0; i < 3; ++i) (void)cluster.Change(leader, cluster.Adding(leader));
  }

  // Whether the leader answers it with what it has now.
  bool Served(std::future<absl::Status>& answer) {
    Settle();
    return answer.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready &&
           answer.get().ok();
  }
  bool ServesNow() {
    auto answer = Ask()->get_future();
    return Served(answer);
  }

  std::vector<NodeId> others() const {
    std::vector<NodeId> nodes = cluster.voters();
    std::erase(nodes, leader);
    return nodes;
  }
  StandingClock& clock_of(NodeId id) { return clocks_[id]; }
  StandingClock& clock() { return clock_of(leader); }

 private:
  std::map<NodeId, StandingClock> clocks_;  // outlives the nodes

 public:
  NodeCluster cluster;
  NodeId leader = 0;
};

TEST_CASE("read lease: it is shorter than the promise behind it by what clocks may differ") {
  const raft::LeaseOptions lease = ReadLeaseFor(50);
  CHECK(lease.enabled());
  CHECK(lease.tick_us == 49'000);
  CHECK(lease.max_drift_percent == kMaxClockDriftPercent);
  CHECK_FALSE(ReplicaNodeOptions().read_leases);
  const int64_t without_suspensions_ns = SystemClock::Get()->MonotonicNs();
  CHECK(SystemClock::Get()->BootNs() >= without_suspensions_ns);
}

TEST_CASE("a read under a lease needs no round to the others") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());  // from here on it has a lease
  nodes.cluster.Isolate(nodes.leader, true);
  for (int i = 0; i < 10; ++i) CHECK(nodes.cluster.Barrier(nodes.leader).ok());
}

TEST_CASE("who holds a lease may read at once, until it runs out or is given up") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  const auto may_read = [&](NodeId id) { return nodes.cluster.node(id).MayReadAtOnce(kGroup); };
  nodes.Settle();
  CHECK(may_read(nodes.leader));
  CHECK_FALSE(may_read(nodes.others().front()));
  CHECK_FALSE(nodes.cluster.node(nodes.leader).MayReadAtOnce(kGroup + 1));
  nodes.cluster.Isolate(nodes.leader, true);
  nodes.Settle();
  CHECK(may_read(nodes.leader));
  SECTION("it runs out, whether anything happens on that node or not") {
    nodes.clock().Run(kLongerThanLeaseMs);
    CHECK_FALSE(may_read(nodes.leader));
  }
  SECTION("the machine was suspended") {
    nodes.clock().Suspend(kLongerThanLeaseMs);
    CHECK_FALSE(may_read(nodes.leader));
  }
  SECTION("leadership is handed over") {
    nodes.cluster.node(nodes.leader)
        .TransferLeadership(kGroup, nodes.others().front(), [](const absl::Status&) {});
    nodes.Settle();
    CHECK_FALSE(may_read(nodes.leader));
  }
  SECTION("the replica fails") {
    nodes.cluster.node(nodes.leader).Fail(kGroup, absl::InternalError("a test"));
    nodes.Settle();
    CHECK_FALSE(may_read(nodes.leader));
  }
}

TEST_CASE("without the setting nobody may read at once") {
  Leases nodes(NodeId{0});
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.Settle();
  for (const NodeId id : nodes.cluster.voters()) {
    CHECK_FALSE(nodes.cluster.node(id).MayReadAtOnce(kGroup));
  }
}

TEST_CASE("without the setting, on the leader or on the others, every read needs a round") {
  Leases nodes(GENERATE(NodeId{0}, NodeId{1}));
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  CHECK_FALSE(nodes.ServesNow());
}

TEST_CASE("a leader that was cut off for longer than the lease answers no read any more") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  nodes.clock().Run(kLongerThanLeaseMs);
  auto before = nodes.Ask()->get_future();
  CHECK_FALSE(nodes.Served(before));
  const NodeId next = nodes.ElectedAmong(nodes.others());
  REQUIRE(next != 0);
  REQUIRE(nodes.cluster.Propose(next, "b").ok());
  auto after = nodes.Ask()->get_future();
  nodes.cluster.Isolate(nodes.leader, false);
  REQUIRE(nodes.RunUntil({1, 2, 3}, [&] {
    return after.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }));
  CHECK_FALSE(after.get().ok());
}

TEST_CASE("nobody else is elected for longer than the lease") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  const int64_t before_ns = nodes.clock_of(nodes.others().front()).BootNs();
  REQUIRE(nodes.ElectedAmong(nodes.others()) != 0);
  const int64_t after_ns = nodes.clock_of(nodes.others().front()).BootNs();
  CHECK(after_ns - before_ns > kLongerThanLeaseMs * 1'000'000);
}

TEST_CASE("a leader whose machine or process stood still sees so before it answers a read") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  SECTION("suspended: only the clock that counts went on") {
    nodes.clock().Suspend(kLongerThanLeaseMs);
  }
  SECTION("stopped for long: one tick is counted") { nodes.clock().Run(1'000'000); }
  auto answer = nodes.Ask()->get_future();
  CHECK_FALSE(nodes.Served(answer));
}

TEST_CASE("a leader that has asked another to take over trusts no lease") {
  Leases nodes;
  REQUIRE(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  REQUIRE(nodes.ServesNow());
  nodes.cluster.node(nodes.leader)
      .TransferLeadership(kGroup, nodes.others().front(), [](const absl::Status&) {});
  nodes.Settle();
  CHECK_FALSE(nodes.ServesNow());
}

TEST_CASE("the first read after a quiet time needs a round, the next does not") {
  Leases nodes;
  REQUIRE(nodes.cluster.Propose(nodes.leader, "a").ok());
  REQUIRE(nodes.RunUntil({1, 2, 3},
                         [&] { return nodes.cluster.node(nodes.leader).Status(kGroup).quiet; }));
  REQUIRE(nodes.RunUntil({1, 2, 3}, [&, left = 100]() mutable { return --left == 0; }));
  CHECK(nodes.cluster.Barrier(nodes.leader).ok());
  nodes.cluster.Isolate(nodes.leader, true);
  CHECK(nodes.cluster.Barrier(nodes.leader).ok());
}

}  // namespace
}  // namespace openefs::replication::testing
