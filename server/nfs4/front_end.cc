#include "server/nfs4/front_end.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/log.h"
#include "common/mutex.h"
#include "datastore/client/blob_client.h"
#include "metadata/client/cluster_watcher.h"
#include "server/nfs4/lease_keeper.h"
#include "server/nfs4/nfs_program.h"
#include "server/nfs4/services.h"
#include "server/rpc/server.h"

namespace openefs::nfs4 {
namespace {

// Between two looks for the first cluster state.
constexpr auto kStartPause = std::chrono::milliseconds(10);

rpc::ServerOptions ServerOptionsOf(const FrontEndOptions& options) {
  rpc::ServerOptions server;
  server.addresses = options.listen;
  server.port = options.port;
  server.congestion_control = options.tcp_congestion_control;
  return server;
}

class FrontEndImpl final : public FrontEnd {
 public:
  FrontEndImpl(FrontEndOptions options, rpc::IoPool* io, metadata::MetadataClient* metadata,
               datastore::BlobClient* blobs, const Clock* clock)
      : options_(std::move(options)),
        io_(io),
        metadata_(metadata),
        blobs_(blobs),
        clock_(clock),
        server_(std::make_unique<rpc::TcpServer>(ServerOptionsOf(options_), io, clock)) {}

  ~FrontEndImpl() override {
    Stop();
    // Requests use the services to their end.
    server_ = nullptr;
    lease_keeper_ = nullptr;
    watcher_ = nullptr;
  }

  absl::Status Start() override {
    if (absl::Status status = server_->Listen(); !status.ok()) return status;
    watcher_ = std::make_unique<metadata::ClusterWatcher>(
        metadata_, [this](const metadata::ClusterStatePtr& state) { TakeCluster(state); });
    if (!WaitForCluster()) return absl::UnavailableError("the metadata service does not answer");
    program_ = std::make_unique<NfsProgram>(services());
    lease_keeper_ = std::make_unique<LeaseKeeper>(services(), io_);
    server_->Serve(program_.get());
    Log(LogLevel::kInfo, "server.started", {{"az", options_.az}, {"port", server_->port()}});
    return absl::OkStatus();
  }

  void Stop() override {
    if (std::exchange(stopped_, true)) return;
    if (watcher_ != nullptr) watcher_->Stop();
    if (lease_keeper_ != nullptr) lease_keeper_->Stop();
    server_->Stop(options_.stop_grace_ms);
    if (services() != nullptr) services()->Close();
  }

  uint16_t port() const override { return server_->port(); }

 private:
  // On the watcher's thread.
  void TakeCluster(const metadata::ClusterStatePtr& state) ABSL_LOCKS_EXCLUDED(mu_) {
    blobs_->SetClusterMap(metadata::MapOf(state));
    MutexLock lock(mu_);
    if (services_ == nullptr) {
      services_ = std::make_unique<Services>(metadata_, blobs_, clock_, options_.lease_ms, *state);
    } else {
      services_->SetCluster(*state);
    }
  }

  // Null before the first state; constant from then on.
  Services* services() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return services_.get();
  }

  bool WaitForCluster() const {
    const int64_t deadline = clock_->MonotonicMs() + options_.start_patience_ms;
    while (services() == nullptr) {
      if (clock_->MonotonicMs() >= deadline) return false;
      std::this_thread::sleep_for(kStartPause);
    }
    return true;
  }

  const FrontEndOptions options_;
  rpc::IoPool* const io_;
  metadata::MetadataClient* const metadata_;
  datastore::BlobClient* const blobs_;
  const Clock* const clock_;

  mutable Mutex mu_;
  std::unique_ptr<Services> services_ ABSL_GUARDED_BY(mu_);

  // Of whoever starts and stops it.
  std::unique_ptr<metadata::ClusterWatcher> watcher_;
  std::unique_ptr<NfsProgram> program_;
  std::unique_ptr<LeaseKeeper> lease_keeper_;
  std::unique_ptr<rpc::TcpServer> server_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<FrontEnd> MakeFrontEnd(FrontEndOptions options, rpc::IoPool* io,
                                       metadata::MetadataClient* metadata,
                                       datastore::BlobClient* blobs, const Clock* clock) {
  return std::make_unique<FrontEndImpl>(std::move(options), io, metadata, blobs, clock);
}

}  // namespace openefs::nfs4
