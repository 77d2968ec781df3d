#include "tests/server/support/local_cluster.h"

#include <atomic>
#include <future>
#include <utility>

#include "common/check.h"
#include "common/clock.h"

namespace openefs::testing {
namespace {

constexpr NodeId kDataNodes = 6;
constexpr char kClusterId[] = "0123456789abcdef";
constexpr int64_t kNever = 3'600'000;

std::string AzOf(NodeId node) {
  return std::string("az-") + static_cast<char>('a' + (node - 1) / 2);
}

pb::Operation FormatClusterOperation() {
  pb::Operation operation;
  pb::FormatCluster& format = *operation.mutable_format_cluster();
  format.set_cluster_id(kClusterId);
  format.mutable_secrets()->set_handle_key("fedcba9876543210");
  format.mutable_secrets()->set_write_verifier("verifier");
  format.mutable_secrets()->set_server_owner("openefs-test-cluster");
  return operation;
}

// A data node behind a switch.
class SwitchedClient final : public datastore::DataNodeClient {
 public:
  SwitchedClient(std::unique_ptr<datastore::DataNodeClient> inner,
                 std::shared_ptr<const std::atomic<bool>> unreachable)
      : inner_(std::move(inner)), unreachable_(std::move(unreachable)) {}

  void Put(FragmentId id, BufferList bytes, absl::AnyInvocable<void(absl::Status)> done) override {
    if (*unreachable_) return done(absl::UnavailableError("switched off"));
    inner_->Put(id, std::move(bytes), std::move(done));
  }
  void Get(FragmentId id, uint32_t offset, uint32_t length,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override {
    if (*unreachable_) return done(absl::UnavailableError("switched off"));
    inner_->Get(id, offset, length, std::move(done));
  }
  void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    if (*unreachable_) return done(absl::UnavailableError("switched off"));
    inner_->Delete(std::move(ids), std::move(done));
  }
  void List(pb::ListFragmentsRequest request,
            absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) override {
    inner_->List(std::move(request), std::move(done));
  }
  void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) override {
    inner_->Status(std::move(done));
  }

 private:
  const std::unique_ptr<datastore::DataNodeClient> inner_;
  const std::shared_ptr<const std::atomic<bool>> unreachable_;
};

}  // namespace

LocalCluster::LocalCluster(size_t front_ends, const std::vector<std::string>& file_systems)
    : front_end_count_(front_ends) {
  StartMetadata();
  StartDataNodes();
  Format(file_systems);
  for (size_t i = 0; i < front_end_count_; ++i) StartFrontEnd(i);
}

LocalCluster::~LocalCluster() { Stop(); }

void LocalCluster::Start() {
  StartMetadata();
  StartDataNodes();
  for (size_t i = 0; i < front_end_count_; ++i) StartFrontEnd(i);
}

void LocalCluster::Restart() {
  Stop();
  Start();
}

void LocalCluster::StartMetadata() {
  io_ = std::make_unique<rpc::IoPool>(2);
  network_ = replication::MakeLocalNetwork();
  transport_ = network_->MakeTransport(1);
  metadata::MetadataServiceOptions options;
  options.node_id = 1;
  options.az = "az-a";
  options.directory = directory_.path() + "/metadata";
  options.cluster_id = kClusterId;
  options.voters = {1};
  options.data_node_timeout_ms = kNever;  // nobody sends heartbeats here
  metadata_ =
      metadata::MakeMetadataService(std::move(options), transport_.get(), SystemClock::Get());
  OPENEFS_CHECK(metadata_->Start().ok());
}

void LocalCluster::StartDataNodes() {
  for (NodeId node = 1; node <= kDataNodes; ++node) {
    datastore::DataNodeOptions options;
    options.node_id = node;
    options.az = AzOf(node);
    options.directory = directory_.path() + "/datanode-" + std::to_string(node);
    options.cluster_id = kClusterId;
    options.reserve_bytes = 0;
    auto opened = datastore::OpenDataNode(std::move(options));
    OPENEFS_CHECK(opened.ok());
    data_nodes_[node] = *std::move(opened);
    unreachable_[node] = std::make_shared<std::atomic<bool>>(false);
  }
}

void LocalCluster::SetUnreachable(NodeId node, bool unreachable) {
  *unreachable_.at(node) = unreachable;
}

std::unique_ptr<metadata::MetadataClient> LocalCluster::NewMetadataClient() {
  std::map<NodeId, std::unique_ptr<metadata::MetadataEndpoint>> endpoints;
  endpoints[1] = metadata::MakeDirectEndpoint(metadata_.get());
  return metadata::MakeMetadataClient(std::move(endpoints), {});
}

std::unique_ptr<datastore::BlobClient> LocalCluster::NewBlobClient() {
  auto connect = [this](const pb::DataNode& node) -> std::shared_ptr<datastore::DataNodeClient> {
    return std::make_shared<SwitchedClient>(
        datastore::MakeDirectDataNodeClient(data_nodes_.at(node.node_id()).get()),
        unreachable_.at(node.node_id()));
  };
  return datastore::MakeBlobClient(connect, {}, SystemClock::Get());
}

pb::OperationResult LocalCluster::RunOne(GroupId group, pb::Operation operation) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(group);
  *request->add_operations() = std::move(operation);
  std::promise<pb::OperationResult> answered;
  const auto client = NewMetadataClient();
  client->Execute(std::move(request), [&](auto response) {
    OPENEFS_CHECK(response.ok() && (*response)->results_size() == 1);
    answered.set_value((*response)->results(0));
  });
  pb::OperationResult result = answered.get_future().get();
  OPENEFS_CHECK(result.error() == pb::FS_OK);
  return result;
}

void LocalCluster::Format(const std::vector<std::string>& file_systems) {
  RunOne(kSystemGroup, FormatClusterOperation());
  pb::Operation group;
  group.mutable_define_placement_group()->mutable_group()->set_code(pb::RS_3_3);
  for (const auto& [id, node] : data_nodes_) {
    pb::Operation add;
    add.mutable_register_data_node()->mutable_node()->set_node_id(id);
    add.mutable_register_data_node()->mutable_node()->set_az(AzOf(id));
    add.mutable_register_data_node()->mutable_node()->set_store_id(node->Status().store_id());
    RunOne(kSystemGroup, add);
    group.mutable_define_placement_group()->mutable_group()->add_node_ids(id);
  }
  RunOne(kSystemGroup, group);
  for (const std::string& name : file_systems) {
    pb::Operation create;
    create.mutable_create_file_system()->set_name(name);
    create.mutable_create_file_system()->add_groups(kFirstNamespaceGroup);
    pb::Operation format;
    format.mutable_format_file_system()->set_fs_id(
        RunOne(kSystemGroup, create).file_system().fs_id());
    RunOne(kFirstNamespaceGroup, format);
  }
}

void LocalCluster::StartFrontEnd(size_t index) {
  nfs4::FrontEndOptions options;
  options.listen = {"127.0.0.1"};
  options.port = 0;
  options.stop_grace_ms = 200;
  clients_.resize(front_end_count_);
  blobs_.resize(front_end_count_);
  front_ends_.resize(front_end_count_);
  clients_[index] = NewMetadataClient();
  blobs_[index] = NewBlobClient();
  front_ends_[index] = nfs4::MakeFrontEnd(options, io_.get(), clients_[index].get(),
                                          blobs_[index].get(), SystemClock::Get());
  OPENEFS_CHECK(front_ends_[index]->Start().ok());
}

void LocalCluster::ReplaceFrontEnd(size_t index) {
  front_ends_[index]->Stop();
  // Ends what it still waits for, so that it can go.
  blobs_[index] = nullptr;
  clients_[index] = nullptr;
  front_ends_[index] = nullptr;
  StartFrontEnd(index);
}

void LocalCluster::Stop() {
  for (auto& front_end : front_ends_) front_end->Stop();
  blobs_.clear();
  clients_.clear();
  front_ends_.clear();
  io_ = nullptr;
  data_nodes_.clear();
  metadata_->Stop();
  metadata_ = nullptr;
  transport_ = nullptr;
}

}  // namespace openefs::testing
