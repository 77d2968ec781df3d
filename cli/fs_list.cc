// `openefs fs list`: the file systems of a cluster.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/report.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

int RunFsList(const ClusterLocation& location) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(location);
  if (!cluster.ok()) return ReportError(cluster.status());
  absl::StatusOr<pb::ClusterState> state = control::GetClusterState(*cluster->client);
  if (!state.ok()) return ReportError(state.status());
  for (const pb::FileSystem& fs : state->file_systems()) std::printf("%s\n", fs.name().c_str());
  return 0;
}

}  // namespace

void AddFsListCommand(CLI::App& fs, int* exit_code) {
  auto location = std::make_shared<ClusterLocation>();
  CLI::App* list = fs.add_subcommand("list", "Prints the names of all file systems");
  AddClusterLocationOptions(*list, location.get());
  list->callback([location, exit_code] { *exit_code = RunFsList(*location); });
}

}  // namespace openefs::cli
