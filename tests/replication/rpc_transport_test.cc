// Three nodes over real sockets: the same work as over a local network. Not under ThreadSanitizer:
// Debian's gRPC is not instrumented, so that every message looks like a race.
#if !__has_feature(thread_sanitizer)
#include <catch2/catch.hpp>

#include "common/rpc/channel.h"
#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

class SocketCluster {
 public:
  SocketCluster() {
    std::string pattern = (std::filesystem::temp_directory_path() / "openefs-rpc-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
    // Ports are known only after Start, and handlers must be there before: two rounds.
    std::vector<int> ports;
    for (int i = 0; i < 3; ++i) {
      auto probe = rpc::MakeServer();
      REQUIRE(probe->Start("127.0.0.1:0").ok());
      ports.push_back(probe->port());
      probe->Stop();
    }
    for (NodeId id = 1; id <= 3; ++id) {
      std::map<NodeId, std::string> peers;
      for (NodeId peer = 1; peer <= 3; ++peer) {
        if (peer != id) peers[peer] = "127.0.0.1:" + std::to_string(ports[peer - 1]);
      }
      servers_.push_back(rpc::MakeServer());
      transports_[id - 1] = MakeRpcTransport(servers_.back().get(), peers);
      REQUIRE(servers_.back()->Start("127.0.0.1:" + std::to_string(ports[id - 1])).ok());
    }
  }
  ~SocketCluster() {
    for (auto& node : nodes_) node.reset();
    for (auto& server : servers_) server->Stop();
    for (auto& transport : transports_) transport.reset();
    std::filesystem::remove_all(base_);
  }

  void Start(NodeId id) {
    ReplicaNodeOptions options;
    options.node_id = id;
    options.cluster_id = "0123456789abcdef";
    options.directory = base_ + "/" + std::to_string(id);
    options.voters = {1, 2, 3};
    options.tick_ms = 10;
    options.segment_bytes = options.flush_log_bytes = options.retain_log_bytes = 4 << 20;
    nodes_[id - 1] = MakeReplicaNode(options, transports_[id - 1].get(), SystemClock::Get());
    nodes_[id - 1]->AddGroup(kGroup, &machines[id - 1]);
    REQUIRE(nodes_[id - 1]->Start().ok());
  }
  void Kill(NodeId id) { nodes_[id - 1].reset(); }

  // One after the other, by whoever leads.
  void Propose(const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      REQUIRE(NodeCluster::Eventually([&] {
        for (size_t i = 0; i < 3; ++i) {
          if (nodes_[i] == nullptr || machines[i].leads() == 0) continue;
          auto context = std::make_shared<TestContext>();
          nodes_[i]->Propose(kGroup, value, context);
          if (context->Wait().ok()) return true;
        }
        return false;
      }));
    }
  }
  GroupStatus Status(NodeId id) { return nodes_[id - 1]->Status(kGroup); }

  std::vector<MemoryMachine> machines{3};

 private:
  std::string base_;
  std::vector<std::unique_ptr<rpc::Server>> servers_;
  std::vector<std::unique_ptr<Transport>> transports_{3};
  std::vector<std::unique_ptr<ReplicaNode>> nodes_{3};
};

std::vector<std::string> Megabytes(int from, int to) {
  std::vector<std::string> values;
  for (int i = from; i < to; ++i) values.push_back(std::to_string(i) + std::string(1 << 20, 'v'));
  return values;
}

TEST_CASE("three nodes elect and replicate over sockets, and send snapshots") {
  SocketCluster cluster;
  for (NodeId id = 1; id <= 3; ++id) cluster.Start(id);
  // 24 MiB in all: more than one batch holds.
  cluster.Propose(Megabytes(0, 24));
  for (MemoryMachine& machine : cluster.machines) {
    CHECK(NodeCluster::Eventually([&] { return machine.Values().size() >= 24; }));
  }
  NodeId away = 1;
  while (cluster.Status(away).is_leader) ++away;
  cluster.Kill(away);
  const NodeId other = away % 3 + 1;
  cluster.Propose(Megabytes(24, 36));
  const uint64_t has = cluster.machines[away - 1].AppliedIndex();
  for (const NodeId id : {other, other % 3 + 1}) {
    REQUIRE(NodeCluster::Eventually([&] { return cluster.Status(id).first_index > has + 1; }));
  }
  cluster.Start(away);
  CHECK(NodeCluster::Eventually(
      [&] { return cluster.machines[away - 1].Values() == cluster.machines[other - 1].Values(); }));
  CHECK(cluster.machines[away - 1].installs() >= 1);
}

}  // namespace
}  // namespace openefs::replication::testing

#endif  // !__has_feature(thread_sanitizer)
