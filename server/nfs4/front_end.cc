#include "server/nfs4/front_end.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "common/log.h"
#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/lease_keeper.h"
#include "server/nfs4/nfs_program.h"
#include "server/nfs4/services.h"
#include "server/rpc/server.h"

namespace openefs::nfs4 {
namespace {

// Between two questions for a cluster state while the cluster is not formatted yet.
constexpr auto kStartPause = std::chrono::milliseconds(50);

rpc::ServerOptions ServerOptionsOf(const FrontEndOptions& options) {
  rpc::ServerOptions server;
  server.addresses = options.listen;
  server.port = options.port;
  return server;
}

// One attempt to hear what the cluster is like.
absl::StatusOr<pb::ClusterState> AskForCluster(metadata::MetadataClient& metadata) {
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  auto answered = std::make_shared<std::promise<Response>>();
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kSystemGroup);
  request->add_operations()->mutable_get_cluster_state();
  metadata.Execute(std::move(request),
                   [answered](Response response) { answered->set_value(std::move(response)); });
  Response response = answered->get_future().get();
  if (!response.ok()) return response.status();
  if ((*response)->results_size() != 1 || (*response)->results(0).error() != pb::FS_OK) {
    return absl::UnavailableError("the cluster is not formatted");
  }
  return (*response)->results(0).cluster_state();
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
        server_(std::make_unique<rpc::Server>(ServerOptionsOf(options_), io, clock)) {}

  ~FrontEndImpl() override {
    Stop();
    // Requests use the services to their end.
    server_ = nullptr;
    lease_keeper_ = nullptr;
  }

  absl::Status Start() override {
    if (absl::Status status = server_->Listen(); !status.ok()) return status;
    absl::StatusOr<pb::ClusterState> cluster = WaitForCluster();
    if (!cluster.ok()) return cluster.status();
    services_ = std::make_unique<Services>(metadata_, blobs_, clock_, options_.lease_ms,
                                           *std::move(cluster));
    program_ = std::make_unique<NfsProgram>(services_.get());
    lease_keeper_ = std::make_unique<LeaseKeeper>(services_.get(), io_);
    server_->Serve(program_.get());
    Log(LogLevel::kInfo, "server.started", {{"az", options_.az}, {"port", server_->port()}});
    return absl::OkStatus();
  }

  void Stop() override {
    if (std::exchange(stopped_, true)) return;
    if (lease_keeper_ != nullptr) lease_keeper_->Stop();
    server_->Stop(options_.stop_grace_ms);
  }

  uint16_t port() const override { return server_->port(); }

 private:
  absl::StatusOr<pb::ClusterState> WaitForCluster() {
    const int64_t deadline = clock_->MonotonicMs() + options_.start_patience_ms;
    for (;;) {
      absl::StatusOr<pb::ClusterState> cluster = AskForCluster(*metadata_);
      if (cluster.ok() || clock_->MonotonicMs() >= deadline) return cluster;
      std::this_thread::sleep_for(kStartPause);
    }
  }

  const FrontEndOptions options_;
  rpc::IoPool* const io_;
  metadata::MetadataClient* const metadata_;
  datastore::BlobClient* const blobs_;
  const Clock* const clock_;

  std::unique_ptr<Services> services_;
  std::unique_ptr<NfsProgram> program_;
  std::unique_ptr<LeaseKeeper> lease_keeper_;
  std::unique_ptr<rpc::Server> server_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<FrontEnd> MakeFrontEnd(FrontEndOptions options, rpc::IoPool* io,
                                       metadata::MetadataClient* metadata,
                                       datastore::BlobClient* blobs, const Clock* clock) {
  return std::make_unique<FrontEndImpl>(std::move(options), io, metadata, blobs, clock);
}

}  // namespace openefs::nfs4
