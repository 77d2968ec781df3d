// A replica that is too far behind takes the store of another one: whole nodes with RocksDB.
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "metadata/proposal.h"
#include "metadata/state_machine.h"
#include "metadata/store/check.h"
#include "replication/node/replica_node.h"
#include "tests/common/temp_dir.h"

namespace openefs::metadata::testing {
namespace {

constexpr GroupId kGroup = 1;
constexpr uint32_t kFs = 5;

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows Dump(MetadataStateMachine& machine) {
  Rows rows;
  auto snapshot = machine.Snapshot();
  for (auto it = snapshot->Scan("", std::string(9, '\xff')); it->Valid(); it->Next()) {
    rows.emplace_back(std::string(it->Key()), std::string(it->Value()));
  }
  return rows;
}

std::string Entry(const std::string& name) {
  pb::MetadataEntry entry;
  pb::SegmentRequest* segment = entry.add_segments();
  segment->set_group(kGroup);
  if (name.empty()) {
    segment->add_operations()->mutable_format_file_system()->set_fs_id(kFs);
  } else {
    segment->add_operations()->mutable_put_root()->set_fs_id(kFs);
    pb::Operation* create = segment->add_operations();
    create->mutable_create()->set_type(pb::DIRECTORY);
    create->mutable_create()->set_name(name);
  }
  return entry.SerializeAsString();
}

class Nodes {
 public:
  Nodes() : network_(replication::MakeLocalNetwork()) {
    for (NodeId id = 1; id <= 3; ++id) Start(id);
  }
  ~Nodes() {
    for (NodeId id = 1; id <= 3; ++id) Kill(id);
  }

  void Start(NodeId id) {
    auto engine = OpenRocksKv(dir_ / ("store-of-" + std::to_string(id)));
    REQUIRE(engine.ok());
    machines_[id] = std::make_unique<MetadataStateMachine>(kGroup, *std::move(engine),
                                                           MetadataStateMachine::Callbacks{});
    replication::ReplicaNodeOptions options;
    options.node_id = id;
    options.cluster_id = "0123456789abcdef";
    options.directory = dir_ / ("log-of-" + std::to_string(id));
    options.voters = {1, 2, 3};
    options.tick_ms = 5;
    options.election_ticks = 40;
    options.segment_bytes = options.flush_log_bytes = options.retain_log_bytes = 16 << 10;
    transports_[id] = network_->MakeTransport(id);
    nodes_[id] = replication::MakeReplicaNode(options, transports_[id].get(), SystemClock::Get());
    nodes_[id]->AddGroup(kGroup, machines_[id].get());
    const absl::Status started = nodes_[id]->Start();
    INFO(started.ToString());
    REQUIRE(started.ok());
  }
  void Kill(NodeId id) {
    nodes_[id].reset();
    machines_[id].reset();
    transports_[id].reset();
  }

  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 120'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  NodeId Leader() {
    NodeId leader = 0;
    REQUIRE(Eventually([&] {
      for (NodeId id = 1; id <= 3; ++id) {
        if (nodes_[id] != nullptr && nodes_[id]->Status(kGroup).is_leader) leader = id;
      }
      return leader != 0;
    }));
    return leader;
  }
  // Until it is applied; one that was dropped may be in the log twice, which replicas bear alike.
  void Propose(const std::string& name) {
    for (bool applied = false; !applied;) {
      std::promise<bool> done;
      const auto finish = [&](absl::Status status, std::vector<pb::SegmentResponse>) {
        done.set_value(status.ok());
      };
      nodes_[Leader()]->Propose(kGroup, Entry(name), std::make_shared<SegmentProposal>(finish));
      applied = done.get_future().get();
    }
  }
  bool Same() {
    return Eventually([&] {
      const uint64_t applied = machines_[1]->AppliedIndex();
      return machines_[2]->AppliedIndex() == applied && machines_[3]->AppliedIndex() == applied;
    });
  }

  replication::ReplicaNode& node(NodeId id) { return *nodes_[id]; }
  MetadataStateMachine& machine(NodeId id) { return *machines_[id]; }

 private:
  const TempDir dir_;
  const std::unique_ptr<replication::LocalNetwork> network_;
  std::array<std::unique_ptr<MetadataStateMachine>, 4> machines_;
  std::array<std::unique_ptr<replication::Transport>, 4> transports_;
  std::array<std::unique_ptr<replication::ReplicaNode>, 4> nodes_;
};

TEST_CASE("a metadata replica that is too far behind takes another one's store") {
  Nodes nodes;
  nodes.Propose("");
  for (int i = 0; i < 20; ++i) nodes.Propose("early " + std::to_string(i));
  const NodeId away = nodes.Leader() % 3 + 1;
  nodes.Kill(away);
  int created = 0;
  const auto left_behind = [&] {
    for (int i = 0; i < 50; ++i) nodes.Propose("later " + std::to_string(created++));
    return nodes.node(nodes.Leader()).Status(kGroup).first_index > 60;
  };
  while (!left_behind()) REQUIRE(created < 5'000);
  nodes.Start(away);
  REQUIRE(nodes.machine(away).AppliedIndex() < 60);
  for (int i = 0; i < 20; ++i) nodes.Propose("meanwhile " + std::to_string(i));
  REQUIRE(nodes.Same());
  // The state machine is there first, and then the log begins anew.
  CHECK(Nodes::Eventually([&] { return nodes.node(away).Status(kGroup).first_index > 60; }));
  CHECK(Dump(nodes.machine(away)) == Dump(nodes.machine(away % 3 + 1)));
  CHECK(CheckStore(*nodes.machine(away).Snapshot()).Clean());
  // What it took is its own, also over a restart, and it goes on.
  nodes.Kill(away);
  nodes.Start(away);
  nodes.Propose("afterwards");
  REQUIRE(nodes.Same());
  for (NodeId id = 1; id <= 3; ++id) CHECK(Dump(nodes.machine(id)) == Dump(nodes.machine(1)));
}

}  // namespace
}  // namespace openefs::metadata::testing
