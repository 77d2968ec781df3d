// How a subcommand that is not a role itself reaches a running cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/roles/role_addresses.h"
#include "metadata/client/metadata_client.h"

namespace CLI {
class App;
}  // namespace CLI

namespace openefs::cli {

// What the user said about where the cluster is; the configuration of any role wins.
struct ClusterLocation {
  std::string config;
  std::string data_dir = "openefs-data";
};
void AddClusterLocationOptions(CLI::App& command, ClusterLocation* location);

struct ClusterConnection {
  std::vector<RoleAddress> metadata_nodes;
  std::vector<std::shared_ptr<rpc::Channel>> channels;  // one for each, in the same order
  std::unique_ptr<metadata::MetadataClient> client;
};

// Connects in the background: a cluster that is down is noticed by the calls.
absl::StatusOr<ClusterConnection> ConnectToCluster(const ClusterLocation& location);

}  // namespace openefs::cli
