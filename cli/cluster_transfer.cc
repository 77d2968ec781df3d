// `openefs cluster transfer`: another metadata replica leads.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/roles/replica_admin.h"
#include "cli/roles/report.h"

namespace openefs::cli {
namespace {

struct TransferOptions {
  ClusterLocation location;
  NodeId to = 0;
  int64_t group = -1;  // all
};

absl::Status Transfer(const TransferOptions& options) {
  absl::StatusOr<ReplicaAdmin> admin = ReplicaAdmin::Connect(options.location);
  if (!admin.ok()) return admin.status();
  const auto chosen = [&](GroupId group) {
    return options.group < 0 || options.group == static_cast<int64_t>(group);
  };
  for (const GroupId group : admin->Groups()) {
    if (!chosen(group)) continue;
    pb::MetadataAdminRequest request;
    request.set_group(group);
    request.mutable_transfer()->set_to(options.to);
    if (absl::Status asked = admin->Ask(request); !asked.ok()) return asked;
  }
  admin->Refresh();
  return admin->WaitUntil([&](const pb::MetadataNodeStatus::Group& group) {
    if (!chosen(group.group()) || group.leader() == options.to) return std::string();
    return absl::StrCat("node ", group.leader(), " leads");
  });
}

int RunTransfer(const TransferOptions& options) {
  const absl::Status status = Transfer(options);
  if (!status.ok()) return ReportError(status);
  std::printf("node %u leads\n", options.to);
  return 0;
}

}  // namespace

void AddClusterTransferCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<TransferOptions>();
  CLI::App* transfer =
      cluster.add_subcommand("transfer", "Has a metadata node lead, of one group or of all");
  AddClusterLocationOptions(*transfer, &options->location);
  transfer->add_option("--to", options->to, "Id of the node that shall lead")->required();
  transfer->add_option("--group", options->group, "One group (all if left out)");
  transfer->callback([options, exit_code] { *exit_code = RunTransfer(*options); });
}

}  // namespace openefs::cli
