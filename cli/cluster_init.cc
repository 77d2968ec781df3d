// `openefs cluster init`: begins a cluster of several hosts, on the first of its metadata hosts.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/roles/new_role.h"
#include "cli/roles/report.h"
#include "common/random.h"

namespace openefs::cli {
namespace {

constexpr size_t kClusterIdBytes = 16;

struct InitOptions {
  std::vector<std::string> metadata;  // AZ=HOST[:PORT]
  std::string output = "/etc/openefs/metadata.yaml";
  std::string data_dir = "/var/lib/openefs/metadata";
  int64_t lease_seconds = 60;
};

absl::StatusOr<MetadataNodeConfig> ParseNode(const std::string& text, NodeId id) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat("--metadata ", text, ": is not AZ=HOST[:PORT]"));
  }
  const absl::StatusOr<HostPort> host = ParseHost(text.substr(equals + 1), kMetadataPort);
  if (!host.ok()) return host.status();
  return MetadataNodeConfig{id, text.substr(0, equals), host->ToString()};
}

absl::StatusOr<std::vector<MetadataNodeConfig>> ParseNodes(const std::vector<std::string>& texts) {
  if (texts.size() > kMaxMetadataNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cluster has at most ", kMaxMetadataNodes, " metadata nodes"));
  }
  std::vector<MetadataNodeConfig> nodes;
  std::set<std::string> addresses;
  for (const std::string& text : texts) {
    absl::StatusOr<MetadataNodeConfig> node =
        ParseNode(text, static_cast<NodeId>(nodes.size() + 1));
    if (!node.ok()) return node.status();
    if (!addresses.insert(node->address).second) {
      return absl::InvalidArgumentError(absl::StrCat(node->address, " is named twice"));
    }
    nodes.push_back(*std::move(node));
  }
  return nodes;
}

absl::StatusOr<RoleConfig> MakeFirst(const InitOptions& options) {
  absl::StatusOr<std::vector<MetadataNodeConfig>> nodes = ParseNodes(options.metadata);
  if (!nodes.ok()) return nodes.status();
  RoleConfig config;
  config.role = Role::kMetadata;
  config.cluster_id = SystemRandom::Get()->Bytes(kClusterIdBytes);
  config.metadata_nodes = *std::move(nodes);
  const MetadataNodeConfig& self = config.metadata_nodes.front();
  config.node_id = self.id;
  config.az = self.az;
  config.rpc_listen = self.address;
  config.data_dir = options.data_dir;
  config.lease_seconds = options.lease_seconds;
  const absl::StatusOr<HostPort> host = ParseHost(self.address, kMetadataPort);
  if (!host.ok()) return host.status();
  config.metrics_listen = MetricsAddress(config.role, *host);
  return config;
}

void PrintNextSteps(const RoleConfig& config, const std::string& file) {
  const std::string member = config.metadata_nodes.front().address;
  std::printf("cluster %s\n", absl::BytesToHexString(config.cluster_id).c_str());
  std::printf("wrote %s; next:\n", file.c_str());
  std::printf("  here                        openefs metadata --config %s\n", file.c_str());
  for (const MetadataNodeConfig& node : config.metadata_nodes) {
    if (node.id == config.node_id) continue;
    std::printf("  metadata node of %-9s  openefs cluster join metadata --member %s --address %s\n",
                node.az.c_str(), member.c_str(), node.address.c_str());
  }
}

int RunClusterInit(const InitOptions& options) {
  const absl::StatusOr<RoleConfig> config = MakeFirst(options);
  if (!config.ok()) return ReportError(config.status());
  if (absl::Status free = CheckDirectoryIsFree(*config); !free.ok()) return ReportError(free);
  const absl::Status written = WriteNewRoleFile(*config, options.output);
  if (!written.ok()) return ReportError(written);
  PrintNextSteps(*config, options.output);
  return 0;
}

}  // namespace

void AddClusterInitCommand(CLI::App& cluster, int* exit_code) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* init = cluster.add_subcommand(
      "init",
      "Begins a cluster: makes its id and the configuration of its first metadata node, this host");
  init->add_option(
          "--metadata", options->metadata,
          "AZ=HOST[:PORT] of each first metadata node, this host's first; one in each zone, "
          "or two")
      ->required();
  init->add_option("--output", options->output, "Configuration to write")->capture_default_str();
  init->add_option("--data-dir", options->data_dir, "Where the node keeps its data")
      ->capture_default_str();
  init->add_option("--lease-seconds", options->lease_seconds, "Lease of NFS clients")
      ->check(CLI::Range(kMinLeaseSeconds, kMaxLeaseSeconds))
      ->capture_default_str();
  init->callback([options, exit_code] { *exit_code = RunClusterInit(*options); });
}

}  // namespace openefs::cli
