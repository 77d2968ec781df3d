// Three nodes over real sockets: the same work as over a local network. Not under ThreadSanitizer:
// Debian's gRPC is not instrumented, so that every message looks like a race.
#if !__has_feature(thread_sanitizer)
#include <catch2/catch.hpp>

#include "common/rpc/channel.h"
#include "node_cluster.h"
#include "replication/node/links.h"

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
      transports_[id - 1] = MakeRpcTransport(servers_.back().get(), id, peers);
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
  // For each node how many streams others have opened to it.
  std::vector<size_t> Streams() {
    std::vector<size_t> counts;
    for (const auto& server : servers_) counts.push_back(server->streams());
    return counts;
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
  // One stream per pair, opened by the lower id.
  CHECK(NodeCluster::Eventually([&] { return cluster.Streams() == std::vector<size_t>{0, 1, 2}; }));
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
  CHECK(cluster.Streams() == std::vector<size_t>{0, 1, 2});
}

// A process of a node without its Raft: it greets, counts what comes and greets back.
class End {
 public:
  End(NodeId self, NodeId peer, int port, int peer_port, uint64_t session)
      : self_(self),
        peer_(peer),
        session_(session),
        transport_(MakeRpcTransport(server_.get(), self,
                                    {{peer, "127.0.0.1:" + std::to_string(peer_port)}})) {
    transport_->SetReceiver({.batch = [this](const pb::RaftMessageBatch& b) { OnBatch(b); },
                             .hello =
                                 [this](const pb::PeerHello& hello, Transport::HelloReply reply) {
                                   peer_session_ = hello.session();
                                   pb::PeerWelcome welcome;
                                   welcome.mutable_hello()->set_session(session_);
                                   reply(std::move(welcome));
                                 },
                             .snapshot = {}});
    REQUIRE(server_->Start("127.0.0.1:" + std::to_string(port)).ok());
  }
  ~End() {
    blocked = false;
    server_->Stop();
  }

  // Whether the other one has answered, in time or at last.
  bool Greet() {
    pb::PeerHello hello;
    hello.set_node_id(self_);
    hello.set_session(session_);
    auto answered = std::make_shared<std::promise<bool>>();
    transport_->Hello(peer_, std::move(hello),
                      [answered](const absl::StatusOr<pb::PeerWelcome>& welcome) {
                        answered->set_value(welcome.ok());
                      });
    return answered->get_future().get();
  }
  void Send(size_t bytes = 10) {
    pb::RaftMessageBatch batch;
    batch.set_from(self_);
    batch.set_from_session(session_);
    batch.set_to_session(peer_session_);
    batch.add_messages()->add_entries()->set_data(std::string(bytes, 'x'));
    transport_->Send(peer_, std::move(batch));
  }
  // Until a message of the other's session has come.
  bool Hears(End& other) {
    const size_t before = heard;
    return NodeCluster::Eventually([&] {
      other.Send();
      return heard > before;
    });
  }
  size_t streams() const { return server_->streams(); }

  std::atomic<size_t> heard{0};
  std::atomic<bool> blocked{false};

 private:
  void OnBatch(const pb::RaftMessageBatch& batch) {
    if (batch.to_session() != session_) return;
    ++heard;
    while (blocked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  const NodeId self_;
  const NodeId peer_;
  const uint64_t session_;
  std::atomic<uint64_t> peer_session_{0};
  std::unique_ptr<rpc::Server> server_ = rpc::MakeServer();
  std::unique_ptr<Transport> transport_;
};

int FreePort() {
  auto probe = rpc::MakeServer();
  REQUIRE(probe->Start("127.0.0.1:0").ok());
  return probe->port();
}

class TwoEnds {
 public:
  void StartLow() { low = std::make_unique<End>(1, 2, low_port_, high_port_, ++sessions_); }
  void StartHigh() { high = std::make_unique<End>(2, 1, high_port_, low_port_, ++sessions_); }
  // Both ways, and in the end on the stream that the lower id opened alone.
  void CheckOneStream() {
    REQUIRE(NodeCluster::Eventually([&] { return low->Greet() && high->Greet(); }));
    CHECK(high->Hears(*low));
    CHECK(low->Hears(*high));
    CHECK(NodeCluster::Eventually([&] {
      low->Send();
      high->Send();
      return low->streams() == 0 && high->streams() == 1;
    }));
    CHECK(high->Hears(*low));
    CHECK(low->Hears(*high));
  }

  std::unique_ptr<End> low;
  std::unique_ptr<End> high;

 private:
  const int low_port_ = FreePort();
  const int high_port_ = FreePort();
  uint64_t sessions_ = 100;
};

TEST_CASE("two nodes that both connect end with one stream") {
  TwoEnds ends;
  ends.StartHigh();
  // Nobody connects to it, so it tries to connect itself, and goes on trying.
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(kDialPatienceMs)) {
    CHECK_FALSE(ends.high->Greet());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK_FALSE(ends.high->Greet());
  ends.StartLow();
  ends.CheckOneStream();
}

TEST_CASE("after a node's process ended, the next one is reached, and only that") {
  TwoEnds ends;
  ends.StartLow();
  ends.StartHigh();
  ends.CheckOneStream();
  ends.low.reset();
  ends.high->Send();
  ends.StartLow();
  ends.CheckOneStream();
  ends.high.reset();
  ends.low->Send();
  ends.StartHigh();
  ends.CheckOneStream();
}

TEST_CASE("a peer that does not read holds up nobody and takes no memory without bound") {
  constexpr int kMessages = 300;
  constexpr size_t kMostMessages = (rpc::kMaxOneWayBytes >> 20) + 40;
  TwoEnds ends;
  ends.StartLow();
  ends.StartHigh();
  ends.CheckOneStream();
  End& from = GENERATE(true, false) ? *ends.low : *ends.high;
  End& to = &from == ends.low.get() ? *ends.high : *ends.low;
  const size_t before = to.heard;
  to.blocked = true;
  for (int i = 0; i < kMessages; ++i) from.Send(1 << 20);
  to.blocked = false;
  CHECK(to.Hears(from));
  CHECK(to.heard - before < kMostMessages);
}

}  // namespace
}  // namespace openefs::replication::testing

#endif  // !__has_feature(thread_sanitizer)
