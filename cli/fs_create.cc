// `openefs fs create`: another file system.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/report.h"
#include "control/bootstrap.h"

namespace openefs::cli {
namespace {

int RunFsCreate(const ClusterLocation& location) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(location);
  if (!cluster.ok()) return ReportError(cluster.status());
  absl::StatusOr<pb::FileSystem> fs = control::CreateFileSystem(*cluster->client, "");
  if (!fs.ok()) return ReportError(fs.status());
  std::printf("%s\n", fs->name().c_str());
  return 0;
}

}  // namespace

void AddFsCreateCommand(CLI::App& fs, int* exit_code) {
  auto location = std::make_shared<ClusterLocation>();
  CLI::App* create = fs.add_subcommand("create", "Makes a file system and prints its name");
  AddClusterLocationOptions(*create, location.get());
  create->callback([location, exit_code] { *exit_code = RunFsCreate(*location); });
}

}  // namespace openefs::cli
