// `openefs cluster status`: who leads, what is down, what is degraded, for a person.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/report.h"
#include "common/rpc/channel.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

constexpr int64_t kNodeTimeoutMs = 2'000;

// Nothing when the node does not answer in time.
std::optional<pb::MetadataNodeStatus> AskMetadataNode(rpc::Channel& channel) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<rpc::Message>>>();
  auto answer = promise->get_future();
  channel.Call(
      rpc::Method::kMetadataStatus, {}, kNodeTimeoutMs,
      [promise](absl::StatusOr<rpc::Message> reply) { promise->set_value(std::move(reply)); });
  const absl::StatusOr<rpc::Message> reply = answer.get();
  pb::MetadataNodeStatus status;
  if (!reply.ok() || !status.ParseFromString(reply->header)) return std::nullopt;
  return status;
}

std::string DescribeGroup(const pb::MetadataNodeStatus::Group& group) {
  const std::string role = group.is_leader()     ? "leads"
                           : group.leader() != 0 ? absl::StrCat("follows ", group.leader())
                                                 : "no leader";
  return absl::StrCat("group ", group.group(), ": ", role, ", term ", group.term(), ", applied ",
                      group.applied_index(), " of ", group.last_index());
}

// Returns how many of the replicas answered.
int PrintMetadata(ClusterConnection& cluster) {
  int answered = 0;
  std::printf("metadata\n");
  for (size_t i = 0; i < cluster.metadata_nodes.size(); ++i) {
    const RoleAddress& node = cluster.metadata_nodes[i];
    std::printf("  node %-3u %-8s %-22s", node.node_id, node.az.c_str(), node.address.c_str());
    const std::optional<pb::MetadataNodeStatus> status = AskMetadataNode(*cluster.channels[i]);
    if (!status) {
      std::printf("  DOES NOT ANSWER\n");
      continue;
    }
    ++answered;
    for (const auto& group : status->groups()) std::printf("  %s;", DescribeGroup(group).c_str());
    std::printf("\n");
  }
  return answered;
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

absl::Status PrintStatus(ClusterConnection& cluster) {
  if (PrintMetadata(cluster) * 2 <= static_cast<int>(cluster.metadata_nodes.size())) {
    return absl::UnavailableError(
        "too few metadata replicas answer: the cluster waits until a majority is back");
  }
  absl::StatusOr<pb::ClusterState> state = control::GetClusterState(*cluster.client);
  if (!state.ok()) return state.status();
  PrintDataNodes(state->map());
  PrintPlacementGroups(state->map());
  std::printf("file systems\n");
  for (const pb::FileSystem& fs : state->file_systems()) std::printf("  %s\n", fs.name().c_str());
  return absl::OkStatus();
}

int RunClusterStatus(const ClusterLocation& location) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(location);
  if (!cluster.ok()) return ReportError(cluster.status());
  const absl::Status status = PrintStatus(*cluster);
  return status.ok() ? 0 : ReportError(status);
}

}  // namespace

void AddClusterStatusCommand(CLI::App& cluster, int* exit_code) {
  auto location = std::make_shared<ClusterLocation>();
  CLI::App* status = cluster.add_subcommand("status", "Shows who leads and what is down");
  AddClusterLocationOptions(*status, location.get());
  status->callback([location, exit_code] { *exit_code = RunClusterStatus(*location); });
}

}  // namespace openefs::cli
