#include "cli/roles/embedded_cluster.h"

#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/roles/cluster_id.h"
#include "cli/roles/data_node_agent.h"
#include "cli/roles/front_end_patience.h"
#include "cli/roles/mount_line.h"
#include "cli/roles/role_addresses.h"
#include "common/clock.h"
#include "common/metrics/metrics_server.h"
#include "common/random.h"
#include "common/rpc/channel.h"
#include "common/store_directory.h"
#include "control/bootstrap.h"
#include "control/control_role.h"
#include "datastore/client/blob_cache.h"
#include "datastore/client/blob_client.h"
#include "datastore/node/data_node.h"
#include "metadata/service/metadata_service.h"
#include "replication/node/transport.h"
#include "server/nfs4/front_end.h"

namespace openefs::cli {
namespace {

constexpr char kAdminAddress[] = "127.0.0.1:0";  // any port: role_addresses.h says which

std::string AzName(int az) { return std::string("az-") + static_cast<char>('a' + az); }

class EmbeddedClusterImpl final : public EmbeddedCluster {
 public:
  explicit EmbeddedClusterImpl(EmbeddedClusterOptions options) : options_(std::move(options)) {}
  ~EmbeddedClusterImpl() override { Stop(); }

  absl::Status Start();
  const std::string& mount_line() const override { return mount_line_; }
  void Stop() override;

 private:
  absl::Status OpenDirectory();
  absl::Status StartMetadata();
  absl::Status ServeStatus();
  absl::Status StartDataNodes();
  absl::Status BootstrapCluster();
  absl::Status StartFrontEnds();
  absl::Status StartControl();
  absl::Status StartMetrics();

  std::string RoleDirectory(int az, const std::string& role) const;
  std::vector<std::vector<std::string>> AddressesByAz() const;
  std::unique_ptr<metadata::MetadataClient> NewMetadataClient(
      const metadata::MetadataClientOptions& options = {});
  std::unique_ptr<datastore::BlobClient> NewBlobClient(
      const datastore::BlobClientOptions& options = {});
  control::ConnectDataNode ConnectDirectly();

  const EmbeddedClusterOptions options_;
  std::string cluster_id_;
  std::string mount_line_;
  bool stopped_ = false;

  // In the order of their making; Stop goes backwards.
  std::unique_ptr<StoreDirectory> directory_;
  std::unique_ptr<replication::LocalNetwork> network_;
  std::vector<std::unique_ptr<replication::Transport>> transports_;
  std::vector<std::unique_ptr<metadata::MetadataService>> metadata_;
  std::vector<std::unique_ptr<rpc::Server>> status_servers_;
  std::unique_ptr<metadata::MetadataClient> client_;
  std::map<NodeId, std::unique_ptr<datastore::DataNode>> data_nodes_;
  std::vector<std::unique_ptr<DataNodeAgent>> agents_;
  std::unique_ptr<rpc::IoPool> io_;
  std::vector<std::unique_ptr<nfs4::FrontEnd>> front_ends_;
  std::vector<std::unique_ptr<metadata::MetadataClient>> front_end_clients_;
  std::vector<std::unique_ptr<datastore::BlobClient>> front_end_blobs_;
  std::unique_ptr<datastore::BlobClient> control_blobs_;
  std::unique_ptr<control::ControlRole> control_;
  std::unique_ptr<metrics::MetricsServer> metrics_;
};

std::string EmbeddedClusterImpl::RoleDirectory(int az, const std::string& role) const {
  return absl::StrCat(options_.data_dir, "/", AzName(az), "/", role);
}

std::unique_ptr<metadata::MetadataClient> EmbeddedClusterImpl::NewMetadataClient(
    const metadata::MetadataClientOptions& options) {
  std::map<NodeId, std::unique_ptr<metadata::MetadataEndpoint>> endpoints;
  for (int az = 0; az < options_.azs; ++az) {
    endpoints[az + 1] = metadata::MakeDirectEndpoint(metadata_[az].get());
  }
  return metadata::MakeMetadataClient(std::move(endpoints), options);
}

std::unique_ptr<datastore::BlobClient> EmbeddedClusterImpl::NewBlobClient(
    const datastore::BlobClientOptions& options) {
  return datastore::MakeBlobClient(ConnectDirectly(), options, SystemClock::Get());
}

control::ConnectDataNode EmbeddedClusterImpl::ConnectDirectly() {
  return [this](const pb::DataNode& node) -> std::shared_ptr<datastore::DataNodeClient> {
    const auto found = data_nodes_.find(node.node_id());
    if (found == data_nodes_.end()) return nullptr;
    return datastore::MakeDirectDataNodeClient(found->second.get());
  };
}

absl::Status EmbeddedClusterImpl::OpenDirectory() {
  absl::StatusOr<std::unique_ptr<StoreDirectory>> directory = StoreDirectory::Open(
      options_.data_dir, {{"role", "dev"},
                          {"azs", absl::StrCat(options_.azs)},
                          {"datanodes-per-az", absl::StrCat(options_.datanodes_per_az)}});
  if (!directory.ok()) return directory.status();
  directory_ = *std::move(directory);
  absl::StatusOr<std::string> id = LoadOrCreateClusterId(options_.data_dir + "/cluster-id");
  if (!id.ok()) return id.status();
  cluster_id_ = *id;
  return absl::OkStatus();
}

absl::Status EmbeddedClusterImpl::StartMetadata() {
  network_ = replication::MakeLocalNetwork();
  std::vector<NodeId> voters;
  for (int az = 0; az < options_.azs; ++az) voters.push_back(az + 1);
  for (int az = 0; az < options_.azs; ++az) {
    metadata::MetadataServiceOptions service;
    service.node_id = az + 1;
    service.az = AzName(az);
    service.directory = RoleDirectory(az, "metadata");
    service.cluster_id = cluster_id_;
    service.voters = voters;
    service.lease_ms = options_.lease_seconds * 1000;
    service.read_leases = options_.read_leases;
    service.cache_bytes = options_.metadata_cache_mib << 20;
    transports_.push_back(network_->MakeTransport(service.node_id));
    metadata_.push_back(metadata::MakeMetadataService(std::move(service), transports_.back().get(),
                                                      SystemClock::Get()));
    if (absl::Status status = metadata_.back()->Start(); !status.ok()) return status;
  }
  client_ = NewMetadataClient();
  return control::FormatCluster(*client_, cluster_id_);
}

// For `openefs cluster status` and `openefs fs`, which are other processes.
absl::Status EmbeddedClusterImpl::ServeStatus() {
  std::vector<RoleAddress> addresses;
  for (int az = 0; az < options_.azs; ++az) {
    status_servers_.push_back(rpc::MakeServer());
    rpc::Server& server = *status_servers_.back();
    metadata::ServeMetadata(metadata_[az].get(), &server);
    if (absl::Status status = server.Start(kAdminAddress); !status.ok()) return status;
    addresses.push_back(
        {static_cast<NodeId>(az + 1), AzName(az), absl::StrCat("127.0.0.1:", server.port())});
  }
  return WriteRoleAddresses(options_.data_dir, addresses);
}

absl::Status EmbeddedClusterImpl::StartDataNodes() {
  for (int az = 0; az < options_.azs; ++az) {
    for (int i = 0; i < options_.datanodes_per_az; ++i) {
      datastore::DataNodeOptions node;
      node.node_id = static_cast<NodeId>(data_nodes_.size() + 1);
      node.az = AzName(az);
      node.directory = RoleDirectory(az, absl::StrCat("datanode-", i + 1));
      node.cluster_id = cluster_id_;
      absl::StatusOr<std::unique_ptr<datastore::DataNode>> opened = datastore::OpenDataNode(node);
      if (!opened.ok()) return opened.status();
      pb::DataNode self;
      self.set_node_id(node.node_id);
      self.set_az(node.az);
      self.set_store_id((*opened)->Status().store_id());
      datastore::DataNode* const raw = opened->get();
      data_nodes_[node.node_id] = *std::move(opened);
      agents_.push_back(std::make_unique<DataNodeAgent>(client_.get(), std::move(self),
                                                        [raw] { return raw->Status().failing(); }));
    }
  }
  return absl::OkStatus();
}

absl::Status EmbeddedClusterImpl::BootstrapCluster() {
  control::BootstrapOptions bootstrap;
  bootstrap.cluster_id = cluster_id_;
  bootstrap.data_nodes = static_cast<int>(data_nodes_.size());
  return control::Bootstrap(*client_, bootstrap).status();
}

absl::Status EmbeddedClusterImpl::StartControl() {
  control_blobs_ = NewBlobClient();
  control_ =
      std::make_unique<control::ControlRole>(client_.get(), control_blobs_.get(), ConnectDirectly(),
                                             SystemClock::Get(), SystemRandom::Get());
  return absl::OkStatus();
}

// Address i belongs to AZ i mod azs; by default each AZ has its own and the first also 127.0.0.1.
std::vector<std::vector<std::string>> EmbeddedClusterImpl::AddressesByAz() const {
  std::vector<std::vector<std::string>> by_az(options_.azs);
  if (!options_.listen.empty()) {
    for (size_t i = 0; i < options_.listen.size(); ++i) {
      by_az[i % by_az.size()].push_back(options_.listen[i]);
    }
    return by_az;
  }
  for (int az = 0; az < options_.azs; ++az) {
    by_az[az].push_back(absl::StrCat("127.0.", az + 1, ".1"));
  }
  by_az[0].push_back("127.0.0.1");
  return by_az;
}

absl::Status EmbeddedClusterImpl::StartFrontEnds() {
  io_ = std::make_unique<rpc::IoPool>(std::thread::hardware_concurrency());
  const auto cache = std::make_shared<datastore::BlobCache>(options_.read_cache_mib << 20);
  const std::vector<std::vector<std::string>> addresses = AddressesByAz();
  for (int az = 0; az < options_.azs; ++az) {
    if (addresses[az].empty()) continue;
    nfs4::FrontEndOptions options;
    options.listen = addresses[az];
    options.port = static_cast<uint16_t>(options_.nfs_port);
    options.az = AzName(az);
    options.lease_ms = options_.lease_seconds * 1000;
    options.tcp_congestion_control = options_.tcp_congestion_control;
    front_end_clients_.push_back(NewMetadataClient(FrontEndMetadataOptions()));
    front_end_blobs_.push_back(
        datastore::MakeCachingBlobClient(NewBlobClient(FrontEndBlobOptions()), cache));
    front_ends_.push_back(nfs4::MakeFrontEnd(std::move(options), io_.get(),
                                             front_end_clients_.back().get(),
                                             front_end_blobs_.back().get(), SystemClock::Get()));
    if (absl::Status status = front_ends_.back()->Start(); !status.ok()) return status;
  }
  const std::string shown = options_.listen.empty() ? "127.0.0.1" : options_.listen.front();
  mount_line_ = MountLine(shown, options_.nfs_port);
  return absl::OkStatus();
}

absl::Status EmbeddedClusterImpl::StartMetrics() {
  if (options_.metrics_listen.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<metrics::MetricsServer>> server =
      metrics::StartMetricsServer(options_.metrics_listen);
  if (!server.ok()) return server.status();
  metrics_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status EmbeddedClusterImpl::Start() {
  using Step = absl::Status (EmbeddedClusterImpl::*)();
  // What may fail on the user's account (a taken port) comes before what takes time.
  constexpr Step kSteps[] = {
      &EmbeddedClusterImpl::OpenDirectory,  &EmbeddedClusterImpl::StartMetrics,
      &EmbeddedClusterImpl::StartMetadata,  &EmbeddedClusterImpl::ServeStatus,
      &EmbeddedClusterImpl::StartDataNodes, &EmbeddedClusterImpl::BootstrapCluster,
      &EmbeddedClusterImpl::StartFrontEnds, &EmbeddedClusterImpl::StartControl,
  };
  for (const Step step : kSteps) {
    if (absl::Status status = (this->*step)(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void EmbeddedClusterImpl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& front_end : front_ends_) front_end->Stop();
  control_.reset();
  // Ends what a front-end still waits for, so that it can go.
  front_end_blobs_.clear();
  front_end_clients_.clear();
  front_ends_.clear();
  io_.reset();
  control_blobs_.reset();
  agents_.clear();
  client_.reset();
  for (auto& server : status_servers_) server->Stop();
  data_nodes_.clear();
  for (auto& service : metadata_) service->Stop();
  status_servers_.clear();
  metadata_.clear();
  transports_.clear();
  metrics_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedCluster>> StartEmbeddedCluster(
    const EmbeddedClusterOptions& options) {
  auto cluster = std::make_unique<EmbeddedClusterImpl>(options);
  if (absl::Status status = cluster->Start(); !status.ok()) return status;
  return cluster;
}

}  // namespace openefs::cli
