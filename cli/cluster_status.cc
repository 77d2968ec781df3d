// `openefs cluster status`: who leads, what is down, what is degraded, how far repair is; for a
// person, or as JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/repair_backlog.h"
#include "cli/roles/replica_admin.h"
#include "cli/roles/report.h"
#include "cli/roles/status_json.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

std::string DescribeMembers(const pb::MetadataNodeStatus::Group& group) {
  std::string text = absl::StrCat("voters ", absl::StrJoin(group.voters(), ","));
  if (group.voters_outgoing_size() > 0) {
    absl::StrAppend(&text, " (were ", absl::StrJoin(group.voters_outgoing(), ","), ")");
  }
  if (group.learners_size() > 0) {
    absl::StrAppend(&text, ", learners ", absl::StrJoin(group.learners(), ","));
  }
  if (!group.configuration_committed()) absl::StrAppend(&text, ", a change is under way");
  return text;
}

// The followers that lack something, as their leader sees it.
std::string DescribeLag(const pb::MetadataNodeStatus::Group& group) {
  std::string text;
  std::map<uint32_t, uint64_t> have;  // in order
  for (const auto& [node, index] : group.match_index()) have[node] = index;
  for (const auto& [node, index] : have) {
    const auto& snapshots = group.need_snapshot();
    const bool snapshot = std::find(snapshots.begin(), snapshots.end(), node) != snapshots.end();
    if (snapshot) absl::StrAppend(&text, ", node ", node, " GETS A SNAPSHOT");
    if (index >= group.commit_index() || snapshot) continue;
    absl::StrAppend(&text, ", node ", node, " LAGS by ", group.last_index() - index);
  }
  return text;
}

void PrintGroups(const ReplicaAdmin& admin) {
  std::printf("metadata groups\n");
  const auto views = admin.LeadersViews();
  for (const GroupId id : admin.Groups()) {
    const auto view = views.find(id);
    if (view == views.end()) {
      std::printf("  group %-3u NO LEADER\n", id);
      continue;
    }
    const pb::MetadataNodeStatus::Group& group = view->second;
    std::printf("  group %-3u node %u leads, term %llu, applied %llu of %llu, %s%s\n", id,
                group.leader(), static_cast<unsigned long long>(group.term()),
                static_cast<unsigned long long>(group.applied_index()),
                static_cast<unsigned long long>(group.last_index()), DescribeMembers(group).c_str(),
                DescribeLag(group).c_str());
  }
}

std::string DescribeNode(const pb::MetadataNodeStatus& status) {
  if (!status.failure().empty()) return absl::StrCat("OUT OF SERVICE: ", status.failure());
  if (!status.formed()) return "waits for its peers, or to be added (cluster add-replica)";
  std::string text = "in service";
  for (const auto& group : status.groups()) {
    if (!group.rebuild().empty()) {
      absl::StrAppend(&text, ", group ", group.group(), " IS OUT: ", group.rebuild());
    }
  }
  for (const auto& peer : status.peers()) {
    if (peer.connected() || peer.removed()) continue;
    absl::StrAppend(&text, ", NO CONNECTION to node ", peer.node_id());
    if (!peer.trouble().empty()) absl::StrAppend(&text, " (", peer.trouble(), ")");
  }
  return text;
}

// Whether a majority of the voters of every group can be there.
bool PrintMetadata(const ReplicaAdmin& admin) {
  std::printf("metadata nodes\n");
  for (const auto& [node, address] : admin.addresses()) {
    const auto status = admin.nodes().find(node);
    const bool answers = status != admin.nodes().end();
    std::printf("  node %-3u %-8s %-22s  %s\n", node, admin.AzOf(node).c_str(), address.c_str(),
                answers ? DescribeNode(status->second).c_str() : "DOES NOT ANSWER");
  }
  PrintGroups(admin);
  const auto views = admin.LeadersViews();
  return !views.empty() && views.size() == admin.Groups().size();
}

const char* Describe(pb::NodeStatus status) {
  switch (status) {
    case pb::NODE_UP:
      return "up";
    case pb::NODE_DOWN:
      return "DOWN";
    default:
      return "GONE";
  }
}

void PrintDataNodes(const pb::ClusterMap& map) {
  std::printf("data nodes (map epoch %llu)\n", static_cast<unsigned long long>(map.epoch()));
  for (const pb::DataNode& node : map.data_nodes()) {
    std::printf("  node %-3u %-8s %-22s  %s\n", node.node_id(), node.az().c_str(),
                node.address().empty() ? "in this process" : node.address().c_str(),
                Describe(node.status()));
  }
}

void PrintPlacementGroups(const pb::ClusterMap& map) {
  std::map<uint32_t, pb::NodeStatus> status;
  for (const pb::DataNode& node : map.data_nodes()) status[node.node_id()] = node.status();
  std::printf("placement groups\n");
  for (const pb::PlacementGroup& group : map.placement_groups()) {
    int up = 0;
    for (const uint32_t id : group.node_ids()) up += status[id] == pb::NODE_UP ? 1 : 0;
    std::printf("  %-3u %s on nodes %s: %s\n", group.id(), pb::Code_Name(group.code()).c_str(),
                absl::StrJoin(group.node_ids(), ",").c_str(),
                up == group.node_ids_size()
                    ? "whole"
                    : absl::StrCat("DEGRADED, ", up, " of ", group.node_ids_size(), " up").c_str());
  }
}

void PrintRepairs(const RepairBacklog& backlog) {
  std::printf("repair\n");
  if (backlog.blobs == 0) {
    std::printf("  nothing waits\n");
    return;
  }
  std::printf("  %s%llu blobs (%.1f MiB) lack a fragment", backlog.more ? "more than " : "",
              static_cast<unsigned long long>(backlog.blobs),
              static_cast<double>(backlog.bytes) / (1 << 20));
  if (backlog.blocked > 0) {
    std::printf(", %llu of them WAIT FOR NODES that are down",
                static_cast<unsigned long long>(backlog.blocked));
  }
  std::printf("\n");
}

struct StatusOptions {
  ClusterLocation location;
  bool json = false;
};

// What only a majority of the metadata nodes can tell.
struct SharedState {
  pb::ClusterState cluster;
  RepairBacklog backlog;
};

absl::StatusOr<SharedState> ReadSharedState(ClusterConnection& cluster) {
  absl::StatusOr<pb::ClusterState> state = control::GetClusterState(*cluster.client);
  if (!state.ok()) return state.status();
  absl::StatusOr<RepairBacklog> backlog = CountRepairs(*cluster.client, *state);
  if (!backlog.ok()) return backlog.status();
  return SharedState{*std::move(state), *backlog};
}

absl::Status PrintStatus(const ReplicaAdmin& admin, ClusterConnection& cluster) {
  if (!PrintMetadata(admin)) {
    return absl::UnavailableError(
        "too few metadata replicas answer: the cluster waits until a majority is back");
  }
  const absl::StatusOr<SharedState> state = ReadSharedState(cluster);
  if (!state.ok()) return state.status();
  PrintDataNodes(state->cluster.map());
  PrintPlacementGroups(state->cluster.map());
  PrintRepairs(state->backlog);
  std::printf("file systems\n");
  for (const pb::FileSystem& fs : state->cluster.file_systems()) {
    std::printf("  %s\n", fs.name().c_str());
  }
  return absl::OkStatus();
}

// The error is told on standard error besides, as by the other form.
absl::Status PrintJson(const ReplicaAdmin& admin, ClusterConnection& cluster) {
  const absl::StatusOr<SharedState> state = ReadSharedState(cluster);
  const std::string text = state.ok() ? StatusAsJson(admin, &state->cluster, &state->backlog)
                                      : StatusAsJson(admin, nullptr, nullptr);
  std::printf("%s\n", text.c_str());
  return state.status();
}

int RunClusterStatus(const StatusOptions& options) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(options.location);
  if (!cluster.ok()) return ReportError(cluster.status());
  const absl::StatusOr<ReplicaAdmin> admin = ReplicaAdmin::Connect(options.location);
  if (!admin.ok()) return ReportError(admin.status());
  const absl::Status status =
      options.json ? PrintJson(*admin, *cluster) : PrintStatus(*admin, *cluster);
  return status.ok() ? 0 : ReportError(status);
}

}  // namespace

void AddClusterStatusCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* status =
      cluster.add_subcommand("status", "Shows who leads, what is down and how far repair is");
  AddClusterLocationOptions(*status, &options->location);
  status->add_flag("--json", options->json, "One line of JSON, for programs");
  status->callback([options, exit_code] { *exit_code = RunClusterStatus(*options); });
}

}  // namespace openefs::cli
