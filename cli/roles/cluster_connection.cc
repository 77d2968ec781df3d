#include "cli/roles/cluster_connection.h"

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "cli/roles/metadata_members.h"
#include "common/config/role_config.h"
#include "common/rpc/channel.h"

namespace openefs::cli {
namespace {

// A person waits for the answer.
constexpr int64_t kPatienceMs = 10'000;

absl::StatusOr<std::vector<RoleAddress>> FindMetadataNodes(const ClusterLocation& location) {
  if (location.config.empty()) return ReadRoleAddresses(location.data_dir);
  absl::StatusOr<RoleConfig> config = LoadRoleConfig(Role::kControl, location.config);
  if (!config.ok()) return config.status();
  std::vector<RoleAddress> nodes;
  for (const auto& node : config->metadata_nodes) {
    nodes.push_back({node.id, node.az, node.address});
  }
  return nodes;
}

}  // namespace

void AddClusterLocationOptions(CLI::App& command, ClusterLocation* location) {
  command.add_option("--config", location->config, "Configuration of any role of the cluster");
  command.add_option("--data-dir", location->data_dir, "Data directory of a running `openefs dev`")
      ->capture_default_str();
}

absl::StatusOr<ClusterConnection> ConnectToCluster(const ClusterLocation& location) {
  absl::StatusOr<std::vector<RoleAddress>> nodes = FindMetadataNodes(location);
  if (!nodes.ok()) return nodes.status();
  ClusterConnection cluster;
  cluster.metadata_nodes = *std::move(nodes);
  std::map<NodeId, std::string> addresses;
  for (const RoleAddress& node : cluster.metadata_nodes) {
    cluster.channels.push_back(rpc::MakeChannel(node.address));
    addresses[node.node_id] = node.address;
  }
  metadata::MetadataClientOptions options;
  options.patience_ms = kPatienceMs;
  cluster.client = FollowMetadataMembers(addresses, options);
  return cluster;
}

}  // namespace openefs::cli
