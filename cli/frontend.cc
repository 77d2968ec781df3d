// `openefs frontend`: one NFS front-end.
#include <CLI/CLI.hpp>
#include <thread>
#include <utility>

#include "cli/command.h"
#include "cli/roles/front_end_patience.h"
#include "cli/roles/remote_blobs.h"
#include "cli/roles/role_process.h"
#include "common/clock.h"
#include "datastore/client/blob_cache.h"
#include "server/nfs4/front_end.h"

namespace openefs::cli {
namespace {

class FrontEndRole final : public RunningRole {
 public:
  ~FrontEndRole() override {
    front_end_->Stop();
    // What a request still waits for ends with the clients, and then the front-end can go.
    blobs_.reset();
    client_.reset();
  }

  absl::Status Start(const RoleConfig& config) {
    client_ = ConnectToMetadata(config, FrontEndMetadataOptions());
    blobs_ = datastore::MakeCachingBlobClient(
        MakeRemoteBlobClient(FrontEndBlobOptions()),
        std::make_shared<datastore::BlobCache>(config.read_cache_bytes));
    nfs4::FrontEndOptions options;
    options.listen = config.nfs_listen;
    options.port = config.nfs_port;
    options.az = config.az;
    options.lease_ms = config.lease_seconds * 1000;
    options.tcp_congestion_control = config.tcp_congestion_control;
    front_end_ = nfs4::MakeFrontEnd(std::move(options), &io_, client_.get(), blobs_.get(),
                                    SystemClock::Get());
    return front_end_->Start();
  }

 private:
  rpc::IoPool io_{std::thread::hardware_concurrency()};
  std::unique_ptr<nfs4::FrontEnd> front_end_;
  std::unique_ptr<metadata::MetadataClient> client_;
  std::unique_ptr<datastore::BlobClient> blobs_;
};

absl::StatusOr<std::unique_ptr<RunningRole>> StartFrontEnd(const RoleConfig& config) {
  auto role = std::make_unique<FrontEndRole>();
  if (absl::Status status = role->Start(config); !status.ok()) return status;
  return role;
}

}  // namespace

void AddFrontendCommand(CLI::App& app, int* exit_code) {
  AddRoleCommand(app, Role::kFrontend, "Runs an NFS front-end", StartFrontEnd, exit_code);
}

}  // namespace openefs::cli
