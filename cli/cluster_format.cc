// `openefs cluster format`: sets a new cluster up once its metadata and data nodes run.
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

struct FormatOptions {
  std::string config;
  int data_nodes = 6;
};

int RunClusterFormat(const FormatOptions& options) {
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

void AddClusterFormatCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<FormatOptions>();
  CLI::App* format = cluster.add_subcommand(
      "format",
      "Sets up a new cluster whose metadata and data nodes run: secrets, placement groups and its "
      "first file system, whose name it prints. Done again, it changes nothing");
  format->add_option("--config", options->config, "Configuration of any role of the cluster")
      ->required();
  format->add_option("--data-nodes", options->data_nodes, "Data nodes to wait for")
      ->check(CLI::Range(3, 1000))
      ->capture_default_str();
  format->callback([options, exit_code] { *exit_code = RunClusterFormat(*options); });
}

}  // namespace openefs::cli
