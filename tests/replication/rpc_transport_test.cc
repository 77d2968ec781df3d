// Three nodes over real sockets: the same work as over a local network. Not under ThreadSanitizer:
// Debian's gRPC is not instrumented, so that every message looks like a race.
#if !__has_feature(thread_sanitizer)
#include <catch2/catch.hpp>

#include "common/rpc/channel.h"
#include "node_cluster.h"

namespace openefs::replication::testing {
namespace {

TEST_CASE("three nodes elect and replicate over sockets") {
  std::string pattern = (std::filesystem::temp_directory_path() / "openefs-rpc-XXXXXX").string();
  const std::string base = mkdtemp(pattern.data());
  {
    std::vector<std::unique_ptr<rpc::Server>> servers;
    std::vector<std::unique_ptr<Transport>> transports(3);
    std::vector<MemoryMachine> machines(3);
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
      servers.push_back(rpc::MakeServer());
      transports[id - 1] = MakeRpcTransport(servers.back().get(), peers);
      REQUIRE(servers.back()->Start("127.0.0.1:" + std::to_string(ports[id - 1])).ok());
    }
    std::vector<std::unique_ptr<ReplicaNode>> nodes;
    for (NodeId id = 1; id <= 3; ++id) {
      ReplicaNodeOptions options;
      options.node_id = id;
      options.cluster_id = "0123456789abcdef";
      options.directory = base + "/" + std::to_string(id);
      options.voters = {1, 2, 3};
      options.tick_ms = 10;
      nodes.push_back(MakeReplicaNode(options, transports[id - 1].get(), SystemClock::Get()));
      nodes.back()->AddGroup(kGroup, &machines[id - 1]);
      REQUIRE(nodes.back()->Start().ok());
    }
    // 24 MiB in all: more than one batch holds.
    std::vector<std::string> values;
    for (int i = 0; i < 24; ++i) values.push_back(std::to_string(i) + std::string(1 << 20, 'v'));
    for (const std::string& value : values) {
      REQUIRE(NodeCluster::Eventually([&] {
        for (size_t i = 0; i < 3; ++i) {
          if (machines[i].leads() == 0) continue;
          auto context = std::make_shared<TestContext>();
          nodes[i]->Propose(kGroup, value, context);
          if (context->Wait().ok()) return true;
        }
        return false;
      }));
    }
    for (MemoryMachine& machine : machines) {
      CHECK(NodeCluster::Eventually([&] { return machine.Values().size() >= values.size(); }));
    }
    for (auto& node : nodes) node->Stop();
    for (auto& server : servers) server->Stop();
    nodes.clear();
    transports.clear();
  }
  std::filesystem::remove_all(base);
}

}  // namespace
}  // namespace openefs::replication::testing

#endif  // !__has_feature(thread_sanitizer)
