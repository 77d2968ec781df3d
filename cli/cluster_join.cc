// `openefs cluster join`: makes the configuration of a role on another host.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/roles/cluster_facts.h"
#include "cli/roles/new_role.h"
#include "cli/roles/report.h"
#include "common/log.h"

namespace openefs::cli {
namespace {

struct JoinOptions {
  std::string role;
  std::vector<std::string> members;
  std::string az;
  std::string address;
  NodeId node_id = 0;      // 0: the next free one
  std::string cluster_id;  // hex; empty: whatever the members say
  std::string output;
  std::string data_dir;
  int nfs_port = 2049;
};

struct Join {
  JoinOptions options;
  HostPort self;
  ClusterFacts facts;
  RoleConfig config;  // what is being made
};

absl::Status Taken(const std::string& what) { return absl::AlreadyExistsError(what); }

// --- a metadata node ---------------------------------------------------------------------------

// Before the first start is over, its host is one of those that `cluster init` was told.
absl::Status TakeInitialPlace(Join& join) {
  std::vector<std::string> known;
  for (const MetadataNodeConfig& node : join.facts.metadata_nodes) {
    known.push_back(node.address);
    if (node.address != join.self.ToString()) continue;
    const bool other_id = join.options.node_id != 0 && join.options.node_id != node.id;
    const bool other_az = !join.options.az.empty() && join.options.az != node.az;
    if (other_id || other_az) {
      return Taken(absl::StrCat(node.address, " is metadata node ", node.id, " of ", node.az));
    }
    join.config.node_id = node.id;
    join.config.az = node.az;
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(join.self.ToString(), " is none of the cluster's first metadata nodes (",
                   absl::StrJoin(known, ", "), "); another one can join when these have started"));
}

absl::Status TakeNewPlace(Join& join) {
  NodeId highest = 0;
  for (const NodeId id : join.facts.removed_nodes) {
    highest = std::max(highest, id);
    if (id == join.options.node_id) {
      return Taken(absl::StrCat("metadata node ", id, " was removed; ids are never given again"));
    }
  }
  for (const MetadataNodeConfig& node : join.facts.metadata_nodes) {
    highest = std::max(highest, node.id);
    if (node.id != join.options.node_id && node.address != join.self.ToString()) continue;
    return Taken(
        absl::StrCat("metadata node ", node.id, " at ", node.address, " is there already"));
  }
  join.config.node_id = join.options.node_id != 0 ? join.options.node_id : highest + 1;
  join.config.az = join.options.az;
  join.config.metadata_nodes.push_back({join.config.node_id, join.config.az, join.self.ToString()});
  if (join.config.metadata_nodes.size() <= kMaxMetadataNodes) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the cluster has ", kMaxMetadataNodes, " metadata nodes already, and may not have more"));
}

absl::Status JoinAsMetadata(Join& join) {
  join.config.rpc_listen = join.self.ToString();
  if (!join.facts.formed) return TakeInitialPlace(join);
  if (join.options.az.empty()) return absl::InvalidArgumentError("--az is missing");
  return TakeNewPlace(join);
}

// --- the other roles ---------------------------------------------------------------------------

absl::Status CheckReadyToJoin(const Join& join) {
  if (join.options.az.empty()) return absl::InvalidArgumentError("--az is missing");
  if (join.facts.formed) return absl::OkStatus();
  std::vector<std::string> nodes;
  for (const MetadataNodeConfig& node : join.facts.metadata_nodes) nodes.push_back(node.address);
  return absl::FailedPreconditionError(absl::StrCat(
      "the cluster has not begun: its metadata nodes wait until all of them have started once (",
      absl::StrJoin(nodes, ", "), ")"));
}

absl::Status JoinAsDataNode(Join& join) {
  const absl::StatusOr<pb::ClusterMap> map = ReadClusterMap(join.facts);
  if (!map.ok()) return map.status();
  NodeId highest = 0;
  for (const pb::DataNode& node : map->data_nodes()) {
    highest = std::max(highest, node.node_id());
    const bool same_place =
        node.address() == join.self.ToString() && node.status() != pb::NODE_GONE;
    if (node.node_id() != join.options.node_id && !same_place) continue;
    return Taken(absl::StrCat("data node ", node.node_id(), " of ", node.az(), " at ",
                              node.address(), " is there already; ids are never given again"));
  }
  join.config.node_id = join.options.node_id != 0 ? join.options.node_id : highest + 1;
  join.config.rpc_listen = join.self.ToString();
  return absl::OkStatus();
}

absl::Status JoinAsFrontend(Join& join) {
  if (!join.self.numeric()) {
    return absl::InvalidArgumentError("--address: a front-end needs a numeric address");
  }
  join.config.nfs_listen = {join.self.host};
  join.config.nfs_port = static_cast<uint16_t>(join.options.nfs_port);
  return absl::OkStatus();
}

absl::Status FillRole(Join& join) {
  if (join.config.role == Role::kMetadata) return JoinAsMetadata(join);
  if (absl::Status ready = CheckReadyToJoin(join); !ready.ok()) return ready;
  join.config.az = join.options.az;
  if (join.config.role == Role::kDataNode) return JoinAsDataNode(join);
  return join.config.role == Role::kFrontend ? JoinAsFrontend(join) : absl::OkStatus();
}

// --- all of them -------------------------------------------------------------------------------

absl::StatusOr<Role> ParseRole(const std::string& name) {
  for (const Role role : {Role::kMetadata, Role::kDataNode, Role::kFrontend, Role::kControl}) {
    if (name == RoleName(role)) return role;
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is no role"));
}

absl::StatusOr<std::string> ParseClusterId(const std::string& hex) {
  constexpr size_t kDigits = 32;
  const bool digits = hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (digits && (hex.empty() || hex.size() == kDigits)) return absl::HexStringToBytes(hex);
  return absl::InvalidArgumentError("--cluster-id: must be 32 hex digits");
}

absl::StatusOr<ClusterFacts> Ask(const JoinOptions& options) {
  std::vector<std::string> members;
  for (const std::string& member : options.members) {
    const absl::StatusOr<HostPort> address = ParseHost(member, kMetadataPort);
    if (!address.ok()) return address.status();
    members.push_back(address->ToString());
  }
  const absl::StatusOr<std::string> cluster_id = ParseClusterId(options.cluster_id);
  if (!cluster_id.ok()) return cluster_id.status();
  return AskForFacts(members, *cluster_id);
}

absl::StatusOr<Join> Prepare(const JoinOptions& options) {
  const absl::StatusOr<Role> role = ParseRole(options.role);
  if (!role.ok()) return role.status();
  const int port = *role == Role::kMetadata ? kMetadataPort : kDataNodePort;
  const absl::StatusOr<HostPort> self = ParseHost(options.address, port);
  if (!self.ok()) return self.status();
  absl::StatusOr<ClusterFacts> facts = Ask(options);
  if (!facts.ok()) return facts.status();
  Join join{options, *self, *std::move(facts), {}};
  join.config.role = *role;
  join.config.cluster_id = join.facts.cluster_id;
  join.config.metadata_nodes = join.facts.metadata_nodes;
  join.config.lease_seconds = join.facts.lease_seconds;
  join.config.data_dir = options.data_dir;
  join.config.metrics_listen = MetricsAddress(*role, *self);
  if (absl::Status filled = FillRole(join); !filled.ok()) return filled;
  return join;
}

absl::Status WriteFile(const Join& join) {
  const bool stores = join.config.role == Role::kMetadata || join.config.role == Role::kDataNode;
  if (stores) {
    if (absl::Status free = CheckDirectoryIsFree(join.config); !free.ok()) return free;
  }
  return WriteNewRoleFile(join.config, join.options.output);
}

void PrintNextSteps(const Join& join) {
  const char* file = join.options.output.c_str();
  std::printf("wrote %s; next:\n  openefs %s --config %s\n", file, RoleName(join.config.role),
              file);
  if (join.config.role != Role::kMetadata || !join.facts.formed) return;
  std::printf("  openefs cluster add-replica --node %u --config %s\n", join.config.node_id, file);
}

int RunClusterJoin(JoinOptions options) {
  SetLogLevel(LogLevel::kWarning);
  if (options.output.empty()) options.output = absl::StrCat("/etc/openefs/", options.role, ".yaml");
  if (options.data_dir.empty()) options.data_dir = absl::StrCat("/var/lib/openefs/", options.role);
  const absl::StatusOr<Join> join = Prepare(options);
  if (!join.ok()) return ReportError(join.status());
  if (absl::Status written = WriteFile(*join); !written.ok()) return ReportError(written);
  PrintNextSteps(*join);
  return 0;
}

void AddOptions(CLI::App& join, JoinOptions& options) {
  join.add_option("role", options.role, "metadata, datanode, frontend or control")->required();
  join.add_option("--member", options.members,
                  "HOST[:PORT] of a metadata node that runs; several may be named")
      ->required();
  join.add_option(
          "--address", options.address,
          "HOST[:PORT] under which the other nodes (of a front-end: the clients) reach this one")
      ->required();
  join.add_option("--az", options.az,
                  "Zone of this host; a first metadata node has the one that init was told");
  join.add_option("--node-id", options.node_id, "Never used before; the next free one if left out");
  join.add_option("--cluster-id", options.cluster_id, "Refuse to join any other cluster than this");
  join.add_option("--output", options.output,
                  "Configuration to write (/etc/openefs/ROLE.yaml if left out)");
  join.add_option("--data-dir", options.data_dir,
                  "Where it keeps its data (/var/lib/openefs/ROLE if left out)");
  join.add_option("--nfs-port", options.nfs_port, "Of a front-end")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
}

}  // namespace

void AddClusterJoinCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<JoinOptions>();
  CLI::App* join = cluster.add_subcommand(
      "join", "Makes the configuration of a role on this host, from what a running member says");
  AddOptions(*join, *options);
  join->callback([options, exit_code] { *exit_code = RunClusterJoin(*options); });
}

}  // namespace openefs::cli
