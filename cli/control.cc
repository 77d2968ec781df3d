// `openefs control`: the background jobs.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/roles/remote_blobs.h"
#include "cli/roles/role_process.h"
#include "common/clock.h"
#include "common/random.h"
#include "control/control_role.h"

namespace openefs::cli {
namespace {

class ControlProcess final : public RunningRole {
 public:
  explicit ControlProcess(const RoleConfig& config)
      : client_(ConnectToMetadata(config)),
        blobs_(MakeRemoteBlobClient()),
        control_(client_.get(), blobs_.get(), ConnectRemoteDataNode, SystemClock::Get(),
                 SystemRandom::Get()) {}

 private:
  const std::unique_ptr<metadata::MetadataClient> client_;
  const std::unique_ptr<datastore::BlobClient> blobs_;
  control::ControlRole control_;
};

absl::StatusOr<std::unique_ptr<RunningRole>> StartControl(const RoleConfig& config) {
  return std::make_unique<ControlProcess>(config);
}

}  // namespace

void AddControlCommand(CLI::App& app, int* exit_code) {
  AddRoleCommand(app, Role::kControl, "Runs background jobs: collection, repair, sweeping",
                 StartControl, exit_code);
}

}  // namespace openefs::cli
