// `openefs cluster add-replica`: one more metadata replica for every group.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/roles/replica_admin.h"
#include "cli/roles/report.h"

namespace openefs::cli {
namespace {

struct AddOptions {
  ClusterLocation location;
  NodeId node = 0;
  std::string address;
};

int RunAddReplica(const AddOptions& options) {
  const absl::Status status = AddReplica(options.location, options.node, options.address, 0);
  if (!status.ok()) return ReportError(status);
  std::printf("node %u is a voter of every group\n", options.node);
  return 0;
}

}  // namespace

void AddClusterAddReplicaCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<AddOptions>();
  CLI::App* add = cluster.add_subcommand(
      "add-replica", "Makes a new metadata node a member, once it has copied what the others have");
  AddClusterLocationOptions(*add, &options->location);
  add->add_option("--node", options->node, "Id of the new node, never used before")->required();
  add->add_option("--address", options->address,
                  "host:port of its rpc_listen, if the configuration does not list it");
  add->callback([options, exit_code] { *exit_code = RunAddReplica(*options); });
}

}  // namespace openefs::cli
