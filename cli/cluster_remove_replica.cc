// `openefs cluster remove-replica`: one metadata replica less in every group.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/roles/replica_admin.h"
#include "cli/roles/report.h"

namespace openefs::cli {
namespace {

struct RemoveOptions {
  ClusterLocation location;
  NodeId node = 0;
};

bool Has(const google::protobuf::RepeatedField<uint32_t>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

absl::Status RemoveReplica(const RemoveOptions& options) {
  absl::StatusOr<ReplicaAdmin> admin = ReplicaAdmin::Connect(options.location);
  if (!admin.ok()) return admin.status();
  for (const GroupId group : admin->Groups()) {
    pb::MetadataAdminRequest request;
    request.set_group(group);
    request.mutable_remove()->set_node_id(options.node);
    if (absl::Status asked = admin->Ask(request); !asked.ok()) return asked;
  }
  return admin->WaitUntil([&](const pb::MetadataNodeStatus::Group& group) {
    const bool member = Has(group.voters(), options.node) || Has(group.learners(), options.node) ||
                        Has(group.voters_outgoing(), options.node);
    if (member) return absl::StrCat("node ", options.node, " is still a member");
    return std::string(group.configuration_committed() ? "" : "the change is not committed yet");
  });
}

int RunRemoveReplica(const RemoveOptions& options) {
  const absl::Status status = RemoveReplica(options);
  if (!status.ok()) return ReportError(status);
  std::printf("node %u is in no group any more; its process can be stopped\n", options.node);
  return 0;
}

}  // namespace

void AddClusterRemoveReplicaCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<RemoveOptions>();
  CLI::App* remove = cluster.add_subcommand("remove-replica",
                                            "Takes a metadata node out of every group, for good");
  AddClusterLocationOptions(*remove, &options->location);
  remove->add_option("--node", options->node, "Id of the node that goes")->required();
  remove->callback([options, exit_code] { *exit_code = RunRemoveReplica(*options); });
}

}  // namespace openefs::cli
