// `openefs cluster init`: sets a new cluster up once its roles run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/report.h"
#include "common/config/role_config.h"
#include "control/bootstrap.h"

namespace openefs::cli {
namespace {

struct InitOptions {
  std::string config;
  int data_nodes = 6;
};

int RunClusterInit(const InitOptions& options) {
  absl::StatusOr<RoleConfig> config = LoadRoleConfig(Role::kControl, options.config);
  if (!config.ok()) return ReportError(config.status());
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster({.config = options.config});
  if (!cluster.ok()) return ReportError(cluster.status());
  control::BootstrapOptions bootstrap;
  bootstrap.cluster_id = config->cluster_id;
  bootstrap.data_nodes = options.data_nodes;
  absl::StatusOr<pb::FileSystem> fs = control::Bootstrap(*cluster->client, bootstrap);
  if (!fs.ok()) return ReportError(fs.status());
  std::printf("%s\n", fs->name().c_str());
  return 0;
}

}  // namespace

void AddClusterInitCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* init = cluster.add_subcommand(
      "init", "Sets up a new cluster and its first file system, whose name it prints");
  init->add_option("--config", options->config, "Configuration of any role of the cluster")
      ->required();
  init->add_option("--data-nodes", options->data_nodes, "Data nodes to wait for")
      ->check(CLI::Range(3, 1000))
      ->capture_default_str();
  init->callback([options, exit_code] { *exit_code = RunClusterInit(*options); });
}

}  // namespace openefs::cli
