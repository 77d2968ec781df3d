// How fast three metadata nodes in one process answer: real logs and stores, direct calls, no NFS
// above: metadata_service_bench [DIRECTORY] [SECONDS]. One line per kind of request and number of
// callers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "metadata/client/metadata_client.h"
#include "metadata/service/metadata_service.h"

namespace openefs::metadata {
namespace {

constexpr FileSystemId kFs = 42;
constexpr NodeId kNodes = 3;

using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

std::unique_ptr<pb::SegmentRequest> Segment() {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kFirstNamespaceGroup);
  return request;
}

class Cluster {
 public:
  explicit Cluster(const std::string& directory) : network_(replication::MakeLocalNetwork()) {
    std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints;
    for (NodeId node = 1; node <= kNodes; ++node) {
      transports_.push_back(network_->MakeTransport(node));
      MetadataServiceOptions options;
      options.node_id = node;
      options.directory = directory + "/" + std::to_string(node);
      options.cluster_id = "0123456789abcdef";
      options.voters = {1, 2, 3};
      services_.push_back(
          MakeMetadataService(options, transports_.back().get(), SystemClock::Get()));
      OPENEFS_CHECK(services_.back()->Start().ok());
      endpoints.emplace(node, MakeDirectEndpoint(services_.back().get()));
    }
    client_ = MakeMetadataClient(std::move(endpoints), {});
  }
  ~Cluster() {
    client_.reset();
    for (auto& service : services_) service->Stop();
  }

  pb::OperationResult Run(std::unique_ptr<pb::SegmentRequest> request) {
    std::promise<Answer> promise;
    client_->Execute(std::move(request),
                     [&](Answer answer) { promise.set_value(std::move(answer)); });
    Answer answer = promise.get_future().get();
    OPENEFS_CHECK(answer.ok());
    const pb::OperationResult& last = (*answer)->results((*answer)->results_size() - 1);
    OPENEFS_CHECK(last.error() == pb::FS_OK);
    return last;
  }

  std::string MakeSession(const std::string& owner) {
    auto request = Segment();
    request->add_operations()->mutable_exchange_id()->set_owner_id(owner);
    const uint64_t client = Run(std::move(request)).exchange_id().client_id();
    request = Segment();
    pb::CreateSession* create = request->add_operations()->mutable_create_session();
    create->set_client_id(client);
    create->set_sequence_id(1);
    create->mutable_fore_channel()->set_max_requests(1);
    create->mutable_back_channel()->set_max_requests(1);
    return Run(std::move(request)).create_session().session_id();
  }

  MetadataClient& client() { return *client_; }

 private:
  std::unique_ptr<replication::LocalNetwork> network_;
  std::vector<std::unique_ptr<replication::Transport>> transports_;
  std::vector<std::unique_ptr<MetadataService>> services_;
  std::unique_ptr<MetadataClient> client_;
};

using MakeRequest = std::function<std::unique_ptr<pb::SegmentRequest>(int caller, int turn)>;

// `callers` requests are outstanding all the time; each answer starts the caller's next one.
class Load {
 public:
  Load(Cluster* cluster, const MakeRequest* make) : cluster_(cluster), make_(make) {}

  void Run(const char* name, int callers, int seconds) {
    left_ = callers;
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    for (int caller = 0; caller < callers; ++caller) Next(caller, 0);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    stopping_ = true;
    all_.get_future().wait();
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
    std::printf("%-22s %4d callers %9.0f/s %8.1f us of CPU each\n", name, callers,
                static_cast<double>(done_) / wall, cpu * 1e6 / static_cast<double>(done_));
  }

 private:
  void Next(int caller, int turn) {
    cluster_->client().Execute((*make_)(caller, turn), [this, caller, turn](Answer answer) {
      OPENEFS_CHECK(answer.ok());
      for (const auto& result : (*answer)->results()) OPENEFS_CHECK(result.error() == pb::FS_OK);
      ++done_;
      if (!stopping_) return Next(caller, turn + 1);
      if (--left_ == 0) all_.set_value();
    });
  }

  Cluster* const cluster_;
  const MakeRequest* const make_;
  std::atomic<uint64_t> done_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> left_{0};
  std::promise<void> all_;
};

std::unique_ptr<pb::SegmentRequest> OpenSegment(const std::string& session, uint32_t sequence,
                                                const std::string& name) {
  auto request = Segment();
  request->mutable_slot()->set_session_id(session);
  request->mutable_slot()->set_sequence_id(sequence);
  request->add_operations()->mutable_put_root()->set_fs_id(kFs);
  pb::Open* open = request->add_operations()->mutable_open();
  open->set_name(name);
  open->set_share_access(3);
  open->mutable_owner()->set_owner("bench");
  open->set_create_mode(pb::Open::UNCHECKED);
  open->mutable_attributes()->set_mode(0644);
  request->add_operations()->mutable_get_attr();
  return request;
}

void Bench(const std::string& directory, int seconds) {
  Cluster cluster(directory);
  auto format = Segment();
  format->add_operations()->mutable_format_file_system()->set_fs_id(kFs);
  (void)cluster.Run(std::move(format));
  for (int callers : {1, 8, 64}) {
    std::vector<std::string> sessions;
    for (int i = 0; i < callers; ++i) {
      sessions.push_back(cluster.MakeSession(std::to_string(callers) + "-" + std::to_string(i)));
    }
    const MakeRequest get_attr = [](int, int) {
      auto request = Segment();
      request->add_operations()->mutable_put_root()->set_fs_id(kFs);
      request->add_operations()->mutable_get_attr();
      return request;
    };
    const MakeRequest create = [&](int caller, int turn) {
      return OpenSegment(
          sessions[static_cast<size_t>(caller)], static_cast<uint32_t>(turn) + 1,
          std::to_string(callers) + "-" + std::to_string(caller) + "-" + std::to_string(turn));
    };
    Load(&cluster, &get_attr).Run("getattr", callers, seconds);
    Load(&cluster, &create).Run("create + open", callers, seconds);
  }
}

}  // namespace
}  // namespace openefs::metadata

int main(int argc, char** argv) {
  openefs::SetLogLevel(openefs::LogLevel::kWarning);
  std::string directory = argc > 1 ? argv[1] : "/tmp/openefs-service-bench-XXXXXX";
  if (argc <= 1) OPENEFS_CHECK(mkdtemp(directory.data()) != nullptr);
  openefs::metadata::Bench(directory, argc > 2 ? std::atoi(argv[2]) : 3);
  std::filesystem::remove_all(directory);
  return 0;
}
