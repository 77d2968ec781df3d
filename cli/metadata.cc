// `openefs metadata`: one metadata replica.
#include <CLI/CLI.hpp>
#include <utility>

#include "cli/command.h"
#include "cli/roles/role_process.h"
#include "cli/roles/shutdown.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "metadata/service/metadata_service.h"
#include "replication/node/transport.h"

namespace openefs::cli {
namespace {

// Clients wait for a new leader as long as a hand-over takes, a few milliseconds; without a
// successor that is up to date there is nothing to wait for.
constexpr int64_t kHandOverMs = 2'000;

class MetadataRole final : public RunningRole {
 public:
  ~MetadataRole() override {
    if (service_) service_->HandOver(kHandOverMs);
    if (service_) service_->Stop();
    server_->Stop();
  }

  absl::Status Failure() const override {
    MutexLock lock(mu_);
    return failure_;
  }

  absl::Status Start(const RoleConfig& config) {
    std::map<NodeId, std::string> peers;
    metadata::MetadataServiceOptions options;
    for (const auto& node : config.metadata_nodes) {
      options.voters.push_back(node.id);
      if (node.id != config.node_id) peers[node.id] = node.address;
      if (node.id == config.node_id) options.address = node.address;
      pb::ReplicaMember& configured = options.configured.emplace_back();
      configured.set_node_id(node.id);
      configured.set_az(node.az);
      configured.set_address(node.address);
    }
    options.node_id = config.node_id;
    options.az = config.az;
    options.directory = config.data_dir;
    options.cluster_id = config.cluster_id;
    options.lease_ms = config.lease_seconds * 1000;
    options.read_leases = config.read_leases;
    options.cache_bytes = config.metadata_cache_bytes;
    options.on_fatal = [this](const absl::Status& why) { Fail(why); };
    transport_ = replication::MakeRpcTransport(server_.get(), config.node_id, peers);
    service_ =
        metadata::MakeMetadataService(std::move(options), transport_.get(), SystemClock::Get());
    metadata::ServeMetadata(service_.get(), server_.get());
    if (absl::Status status = service_->Start(); !status.ok()) return status;
    return server_->Start(config.rpc_listen);
  }

 private:
  // The process ends with this one line, so that nobody takes it for a working replica.
  void Fail(const absl::Status& why) {
    {
      MutexLock lock(mu_);
      failure_ = why;
    }
    RequestShutdown();
  }

  mutable Mutex mu_;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);

  std::unique_ptr<rpc::Server> server_ = rpc::MakeServer();
  std::unique_ptr<replication::Transport> transport_;
  std::unique_ptr<metadata::MetadataService> service_;
};

absl::StatusOr<std::unique_ptr<RunningRole>> StartMetadata(const RoleConfig& config) {
  auto role = std::make_unique<MetadataRole>();
  if (absl::Status status = role->Start(config); !status.ok()) return status;
  return role;
}

}  // namespace

void AddMetadataCommand(CLI::App& app, int* exit_code) {
  AddRoleCommand(app, Role::kMetadata, "Runs a metadata replica", StartMetadata, exit_code);
}

}  // namespace openefs::cli
