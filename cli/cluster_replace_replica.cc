// `openefs cluster replace-replica`: a new metadata replica takes the place of one that is lost.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/roles/replica_admin.h"
#include "cli/roles/report.h"

namespace openefs::cli {
namespace {

struct ReplaceOptions {
  ClusterLocation location;
  NodeId node = 0;
  NodeId with = 0;
  std::string address;
};

int RunReplaceReplica(const ReplaceOptions& options) {
  if (options.node == options.with) {
    return ReportError(absl::InvalidArgumentError(
        "a replica that lost its data never comes back under its old id: --with needs a new one"));
  }
  const absl::Status status =
      AddReplica(options.location, options.with, options.address, options.node);
  if (!status.ok()) return ReportError(status);
  std::printf("node %u has taken the place of node %u\n", options.with, options.node);
  return 0;
}

}  // namespace

void AddClusterReplaceReplicaCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<ReplaceOptions>();
  CLI::App* replace = cluster.add_subcommand(
      "replace-replica", "Puts a new metadata node in the place of one that is lost or retired");
  AddClusterLocationOptions(*replace, &options->location);
  replace->add_option("--node", options->node, "Id of the node that goes")->required();
  replace->add_option("--with", options->with, "Id of the new node, never used before")->required();
  replace->add_option("--address", options->address,
                      "host:port of its rpc_listen, if the configuration does not list it");
  replace->callback([options, exit_code] { *exit_code = RunReplaceReplica(*options); });
}

}  // namespace openefs::cli
