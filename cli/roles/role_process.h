// What the four role subcommands share: read the configuration, check that it is for this role,
// serve metrics, run until SIGTERM.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/config/role_config.h"
#include "common/ids.h"
#include "metadata/client/metadata_client.h"

namespace CLI {
class App;
}  // namespace CLI

namespace openefs::cli {

// A role that runs; destroying it stops it in an orderly way.
class RunningRole {
 public:
  virtual ~RunningRole() = default;
  // Why it asked for the end of the process (RequestShutdown); OK if it did not.
  virtual absl::Status Failure() const { return absl::OkStatus(); }
};

using StartRole =
    std::function<absl::StatusOr<std::unique_ptr<RunningRole>>(const RoleConfig& config)>;

// Adds `openefs <role> --config FILE`.
void AddRoleCommand(CLI::App& app, Role role, const std::string& description, StartRole start,
                    int* exit_code);

// A client of the metadata nodes that the configuration names, and of those that join later.
std::unique_ptr<metadata::MetadataClient> ConnectToMetadata(
    const RoleConfig& config, const metadata::MetadataClientOptions& options = {});

}  // namespace openefs::cli
