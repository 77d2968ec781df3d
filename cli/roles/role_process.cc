#include "cli/roles/role_process.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/roles/metadata_members.h"
#include "cli/roles/report.h"
#include "cli/roles/shutdown.h"
#include "common/log.h"
#include "common/metrics/metrics_server.h"

namespace openefs::cli {
namespace {

absl::Status RunRole(const RoleConfig& config, const StartRole& start) {
  SetLogLevel(config.log_level);
  std::unique_ptr<metrics::MetricsServer> metrics;
  if (!config.metrics_listen.empty()) {
    absl::StatusOr<std::unique_ptr<metrics::MetricsServer>> server =
        metrics::StartMetricsServer(config.metrics_listen);
    if (!server.ok()) return server.status();
    metrics = *std::move(server);
  }
  absl::StatusOr<std::unique_ptr<RunningRole>> role = start(config);
  if (!role.ok()) return role.status();
  Log(LogLevel::kInfo, "cli.serving", {{"role", RoleName(config.role)}, {"node", config.node_id}});
  WaitForShutdownSignal();
  return (*role)->Failure();
}

int LoadAndRun(Role role, const std::string& file, const StartRole& start) {
  absl::StatusOr<RoleConfig> config = LoadRoleConfig(role, file);
  if (!config.ok()) return ReportError(config.status());
  const absl::Status status = RunRole(*config, start);
  return status.ok() ? 0 : ReportError(status);
}

}  // namespace

void AddRoleCommand(CLI::App& app, Role role, const std::string& description, StartRole start,
                    int* exit_code) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(RoleName(role), description);
  command->add_option("--config", *file, "Configuration file (docs/operations.md)")->required();
  command->callback([role, file, start = std::move(start), exit_code] {
    *exit_code = LoadAndRun(role, *file, start);
  });
}

std::unique_ptr<metadata::MetadataClient> ConnectToMetadata(
    const RoleConfig& config, const metadata::MetadataClientOptions& options) {
  std::map<NodeId, std::string> addresses;
  for (const auto& node : config.metadata_nodes) addresses[node.id] = node.address;
  return FollowMetadataMembers(addresses, options);
}

}  // namespace openefs::cli
