#include "tests/metadata/service/test_cluster.h"

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "common/metrics/metrics.h"

namespace openefs::metadata::testing {
namespace {

std::filesystem::path MakeDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "openefs-metadata-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  return name;
}

}  // namespace

// Reaches whatever service runs as `node` at the moment.
class TestCluster::Endpoint final : public MetadataEndpoint {
 public:
  Endpoint(TestCluster* cluster, NodeId node) : cluster_(cluster), node_(node) {}

  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    std::shared_ptr<MetadataService> service = cluster_->Get(node_);
    if (service == nullptr) return done(absl::UnknownError("connection refused"));
    // An answer may come after the endpoint is gone, never after the cluster is.
    service->Execute(std::move(request), [cluster = cluster_, calls = calls_,
                                          done = std::move(done)](Answer answer) mutable {
      const int one_in = cluster->lose_one_in;
      if (one_in > 0 && (*calls)++ % one_in == 0) answer = absl::UnknownError("connection broke");
      done(std::move(answer));
    });
  }

 private:
  TestCluster* const cluster_;
  const NodeId node_;
  const std::shared_ptr<std::atomic<int>> calls_ = std::make_shared<std::atomic<int>>(0);
};

TestCluster::TestCluster() : base_(MakeDirectory()), network_(replication::MakeLocalNetwork()) {
  for (NodeId node = 1; node <= kNodes; ++node) Start(node);
}

TestCluster::~TestCluster() {
  for (NodeId node = 1; node <= kNodes; ++node) Kill(node);
  std::filesystem::remove_all(base_);
}

void TestCluster::Start(NodeId node) {
  const absl::Status started = TryStart(node);
  INFO(started.ToString());
  REQUIRE(started.ok());
}

absl::Status TestCluster::TryStart(NodeId node) {
  transports_[node] = network_->MakeTransport(node);
  MetadataServiceOptions options;
  options.node_id = node;
  options.az = std::string(1, static_cast<char>('a' + node - 1));
  options.directory = DirectoryOf(node);
  options.cluster_id = "0123456789abcdef";
  options.voters = {1, 2, 3};
  options.lease_ms = lease_ms;
  std::shared_ptr<MetadataService> service =
      MakeMetadataService(std::move(options), transports_[node].get(), SystemClock::Get());
  if (absl::Status started = service->Start(); !started.ok()) return started;
  MutexLock lock(mu_);
  services_[node] = std::move(service);
  return absl::OkStatus();
}

MetadataStatus TestCluster::StatusOf(NodeId node) {
  std::shared_ptr<MetadataService> service = Get(node);
  return service == nullptr ? MetadataStatus() : service->Status();
}

void TestCluster::WaitUntilReplicasAgree(GroupId group) {
  while (true) {
    std::set<uint64_t> agreed;
    for (NodeId node = 1; node <= kNodes; ++node) {
      uint64_t applied = 0;
      for (const auto& status : StatusOf(node).groups) {
        if (status.group == group) applied = status.applied_index;
      }
      const uint64_t index = static_cast<uint64_t>(
          metrics::GetGauge("openefs_metadata_state_agreed_index", "",
                            {{"node", std::to_string(node)}, {"group", std::to_string(group)}})
              .Value());
      agreed.insert(index == applied ? index : 0);
    }
    if (agreed.size() == 1 && *agreed.begin() != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void TestCluster::Kill(NodeId node) {
  std::shared_ptr<MetadataService> service;
  {
    MutexLock lock(mu_);
    service = std::move(services_[node]);
  }
  if (service == nullptr) return;
  service->Stop();
  // Calls that had got hold of it end by themselves; the store is free once they have.
  while (service.use_count() > 1) std::this_thread::yield();
  service.reset();
  transports_[node].reset();
}

NodeId TestCluster::WaitForLeader(GroupId group) {
  while (true) {
    for (NodeId node = 1; node <= kNodes; ++node) {
      std::shared_ptr<MetadataService> service = Get(node);
      if (service == nullptr) continue;
      for (const replication::GroupStatus& status : service->Status().groups) {
        if (status.group == group && status.is_leader) return node;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::unique_ptr<MetadataClient> TestCluster::MakeClient(MetadataClientOptions options) {
  std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints;
  for (NodeId node = 1; node <= kNodes; ++node) {
    endpoints.emplace(node, std::make_unique<Endpoint>(this, node));
  }
  return MakeMetadataClient(std::move(endpoints), options);
}

Answer TestCluster::ExecuteOn(NodeId node, pb::SegmentRequest request) {
  auto promise = std::make_shared<std::promise<Answer>>();
  Endpoint(this, node)
      .Execute(std::make_unique<pb::SegmentRequest>(std::move(request)),
               [promise](Answer answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

std::shared_ptr<MetadataService> TestCluster::Get(NodeId node) {
  MutexLock lock(mu_);
  return services_[node];
}

Answer Run(MetadataClient& client, pb::SegmentRequest request) {
  auto promise = std::make_shared<std::promise<Answer>>();
  client.Execute(std::make_unique<pb::SegmentRequest>(std::move(request)),
                 [promise](Answer answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

}  // namespace openefs::metadata::testing
