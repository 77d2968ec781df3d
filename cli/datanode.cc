// `openefs datanode`: one data node.
#include <CLI/CLI.hpp>
#include <utility>

#include "cli/command.h"
#include "cli/roles/data_node_agent.h"
#include "cli/roles/role_process.h"
#include "common/rpc/channel.h"
#include "datastore/node/data_node.h"

namespace openefs::cli {
namespace {

class DataNodeRole final : public RunningRole {
 public:
  ~DataNodeRole() override {
    agent_.reset();
    server_->Stop();
  }

  absl::Status Start(const RoleConfig& config) {
    datastore::DataNodeOptions options;
    options.node_id = config.node_id;
    options.az = config.az;
    options.directory = config.data_dir;
    options.cluster_id = config.cluster_id;
    options.segment_bytes = config.segment_bytes;
    options.reserve_bytes = config.reserve_bytes;
    absl::StatusOr<std::unique_ptr<datastore::DataNode>> node = datastore::OpenDataNode(options);
    if (!node.ok()) return node.status();
    node_ = *std::move(node);
    datastore::ServeDataNode(node_.get(), server_.get());
    if (absl::Status status = server_->Start(config.rpc_listen); !status.ok()) return status;
    pb::DataNode self;
    self.set_node_id(config.node_id);
    self.set_az(config.az);
    self.set_address(config.rpc_advertise);
    self.set_store_id(node_->Status().store_id());
    client_ = ConnectToMetadata(config);
    agent_ = std::make_unique<DataNodeAgent>(
        client_.get(), std::move(self), [node = node_.get()] { return node->Status().failing(); });
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<datastore::DataNode> node_;
  std::unique_ptr<rpc::Server> server_ = rpc::MakeServer();
  std::unique_ptr<metadata::MetadataClient> client_;
  std::unique_ptr<DataNodeAgent> agent_;
};

absl::StatusOr<std::unique_ptr<RunningRole>> StartDataNode(const RoleConfig& config) {
  auto role = std::make_unique<DataNodeRole>();
  if (absl::Status status = role->Start(config); !status.ok()) return status;
  return role;
}

}  // namespace

void AddDatanodeCommand(CLI::App& app, int* exit_code) {
  AddRoleCommand(app, Role::kDataNode, "Runs a data node", StartDataNode, exit_code);
}

}  // namespace openefs::cli
