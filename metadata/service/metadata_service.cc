#include "metadata/service/metadata_service.h"

#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/store_directory.h"
#include "metadata/service/condemned_store.h"
#include "metadata/service/group.h"
#include "metadata/service/live_check.h"
#include "metadata/service/request_check.h"
#include "metadata/service/worker_pool.h"

namespace openefs::metadata {
namespace {

// Often enough that a data node is set down soon after its timeout, seldom enough to cost nothing.
constexpr int64_t kTendMs = 200;

constexpr size_t kMaxJobsQueued = kMaxReadsInFlight;

class Service final : public MetadataService {
 public:
  Service(MetadataServiceOptions options, replication::Transport* transport, const Clock* clock)
      : options_(std::move(options)), transport_(transport), clock_(clock) {}

  ~Service() override { Stop(); }

  absl::Status Start() override {
    OPENEFS_CHECK(node_ == nullptr);
    if (absl::Status opened = OpenStores(); !opened.ok()) return opened;
    if (absl::Status started = node_->Start(); !started.ok()) return started;
    started_ = true;
    tender_ = std::thread([this] { Tend(); });
    serving_.store(true, std::memory_order_release);
    return absl::OkStatus();
  }

  void Stop() override {
    serving_.store(false, std::memory_order_release);
    {
      MutexLock lock(mu_);
      stopping_ = true;
      wake_.SignalAll();
    }
    if (tender_.joinable()) tender_.join();
    check_.Stop();
    // In this order everything under way is answered: proposals and barriers by the node, reads
    // that have passed their barrier by the workers.
    if (started_) node_->Stop();
    if (workers_ != nullptr) workers_->Stop();
    // What waits in memory goes to the stores, so that a clean stop leaves nothing to replay.
    for (auto& [id, group] : groups_) (void)group->Snapshot();
  }

  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    if (!serving_.load(std::memory_order_acquire)) {
      return done(NotRunning());
    }
    const size_t bytes = request->ByteSizeLong();
    if (absl::Status sound = CheckRequest(*request, bytes); !sound.ok()) return done(sound);
    auto group = groups_.find(request->group());
    if (group == groups_.end()) {
      return done(absl::InvalidArgumentError(absl::StrCat("no group ", request->group(), " here")));
    }
    group->second->Execute(std::move(request), bytes, std::move(done));
  }

  std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest& request) override {
    if (!serving_.load(std::memory_order_acquire)) return nullptr;
    auto group = groups_.find(request.group());
    return group == groups_.end() ? nullptr : group->second->TryRead(request);
  }

  MetadataStatus Status() const override {
    MetadataStatus status;
    status.node_id = options_.node_id;
    status.az = options_.az;
    status.cluster_id = options_.cluster_id;
    status.lease_ms = options_.lease_ms;
    status.configured = options_.configured;
    if (!serving_.load(std::memory_order_acquire)) return status;
    status.node = node_->State();
    for (GroupId group : options_.groups) status.groups.push_back(node_->Status(group));
    return status;
  }

  absl::StatusOr<pb::StoreCheckStatus> CheckStore(const pb::StoreCheckRequest& request) override {
    if (!serving_.load(std::memory_order_acquire)) {
      return absl::UnavailableError("the metadata service is not running");
    }
    if (request.id() != 0) return check_.Ask(request.id());
    auto group = groups_.find(request.group());
    if (group == groups_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("no group ", request.group(), " here"));
    }
    return check_.Begin([&group] { return group->second->Snapshot(); });
  }

  void ChangeMembers(GroupId group, replication::MemberChange change,
                     replication::MemberCallback done) override {
    if (!serving_.load(std::memory_order_acquire)) return done(NotRunning());
    node_->ChangeMembers(group, std::move(change), std::move(done));
  }
  void TransferLeadership(GroupId group, NodeId to, replication::MemberCallback done) override {
    if (!serving_.load(std::memory_order_acquire)) return done(NotRunning());
    node_->TransferLeadership(group, to, std::move(done));
  }
  void HandOver(int64_t timeout_ms) override {
    if (serving_.load(std::memory_order_acquire)) node_->HandOver(timeout_ms);
  }

 private:
  static absl::Status NotRunning() {
    return absl::UnavailableError("the metadata service is not running");
  }

  absl::Status OpenStores() {
    absl::StatusOr<std::unique_ptr<StoreDirectory>> directory = StoreDirectory::Open(
        options_.directory, {{"role", "metadata"},
                             {"node", absl::StrCat(options_.node_id)},
                             {"cluster", absl::BytesToHexString(options_.cluster_id)}});
    if (!directory.ok()) return directory.status();
    directory_ = *std::move(directory);
    workers_ = std::make_unique<WorkerPool>(options_.read_threads, kMaxJobsQueued);
    SetRocksCacheBytes(options_.cache_bytes / 2);
    replication::ReplicaNodeOptions node_options;
    node_options.node_id = options_.node_id;
    node_options.cluster_id = options_.cluster_id;
    node_options.directory = directory_->path() + "/log";
    node_options.voters = options_.voters;
    node_options.address = options_.address;
    node_options.az = options_.az;
    node_options.on_fatal = options_.on_fatal;
    node_options.read_leases = options_.read_leases;
    node_ = replication::MakeReplicaNode(std::move(node_options), transport_, clock_);
    for (GroupId group : options_.groups) {
      if (absl::Status opened = OpenGroup(group); !opened.ok()) return opened;
    }
    return absl::OkStatus();
  }

  absl::Status OpenGroup(GroupId id) {
    const std::string store = absl::StrCat(directory_->path(), "/group-", id);
    const absl::Status usable = CheckNotCondemned(store);
    if (!usable.ok() && !absl::IsFailedPrecondition(usable)) return usable;
    absl::StatusOr<std::unique_ptr<KvEngine>> engine = OpenRocksKv(store);
    if (!engine.ok()) return engine.status();
    auto group = std::make_unique<Group>(Group::Parts{.id = id,
                                                      .node = node_.get(),
                                                      .workers = workers_.get(),
                                                      .clock = clock_,
                                                      .random = SystemRandom::Get(),
                                                      .store = store,
                                                      .flush_in_background = true},
                                         MakeWriteBehindKv(*std::move(engine)), options_);
    node_->AddGroup(id, group->machine());
    if (!usable.ok()) node_->Rebuild(id, usable);
    groups_.emplace(id, std::move(group));
    return absl::OkStatus();
  }

  void Tend() {
    MutexLock lock(mu_);
    while (!stopping_) {
      mu_.Unlock();
      for (auto& [id, group] : groups_) group->Tend();
      mu_.Lock();
      if (!stopping_) wake_.WaitForMs(mu_, kTendMs);
    }
  }

  // Constant once started. Groups go before what they use.
  const MetadataServiceOptions options_;
  replication::Transport* const transport_;
  const Clock* const clock_;
  std::unique_ptr<StoreDirectory> directory_;
  std::unique_ptr<WorkerPool> workers_;
  std::map<GroupId, std::unique_ptr<Group>> groups_;
  std::unique_ptr<replication::ReplicaNode> node_;  // goes first: it uses the groups' machines

  // The thread that starts and stops it.
  bool started_ = false;

  std::atomic<bool> serving_{false};
  LiveCheck check_{clock_};

  Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread tender_;
};

}  // namespace

std::unique_ptr<MetadataService> MakeMetadataService(MetadataServiceOptions options,
                                                     replication::Transport* transport,
                                                     const Clock* clock) {
  return std::make_unique<Service>(std::move(options), transport, clock);
}

}  // namespace openefs::metadata
