#include "cli/roles/metadata_members.h"

#include <utility>

#include "common/log.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "common/timers.h"

namespace openefs::cli {
namespace {

// A replica that takes another's place is found before clients run out of patience; asking costs
// one small call.
constexpr int64_t kAskMs = 2'000;
constexpr int64_t kAnswerMs = 2'000;

// Asks around. Outlives the client while a timer or a call still knows of it.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(metadata::GrowingMetadataClient* client,
           std::map<NodeId, std::shared_ptr<rpc::Channel>> channels)
      : client_(client), channels_(std::move(channels)) {}

  // The client goes.
  void Detach() {
    MutexLock lock(mu_);
    client_ = nullptr;
  }

  // Everybody, at once; then one after the other.
  void Start() {
    std::map<NodeId, std::shared_ptr<rpc::Channel>> channels;
    {
      MutexLock lock(mu_);
      channels = channels_;
    }
    for (const auto& [node, channel] : channels) Ask(*channel, false);
    AskLater();
  }

 private:
  void AskLater() {
    Timers::Get().RunAfter(kAskMs, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->AskNext();
    });
  }

  void AskNext() {
    std::shared_ptr<rpc::Channel> channel;
    {
      MutexLock lock(mu_);
      auto next = channels_.upper_bound(asked_);
      if (next == channels_.end()) next = channels_.begin();
      asked_ = next->first;
      channel = next->second;
    }
    Ask(*channel, true);
  }

  void Ask(rpc::Channel& channel, bool again) {
    channel.Call(rpc::Method::kMetadataStatus, {}, kAnswerMs,
                 [weak = weak_from_this(), again](absl::StatusOr<rpc::Message> reply) {
                   const auto self = weak.lock();
                   if (self == nullptr) return;
                   if (reply.ok()) self->Learn(reply->header);
                   if (again) self->AskLater();
                 });
  }

  void Learn(const std::string& bytes) {
    pb::MetadataNodeStatus status;
    if (!status.ParseFromString(bytes) || !status.formed()) return;
    for (const auto& peer : status.peers()) {
      if (peer.removed() || peer.address().empty()) continue;
      MutexLock lock(mu_);
      if (client_ == nullptr || channels_.contains(peer.node_id())) continue;
      Log(LogLevel::kInfo, "cli.metadata_node_found",
          {{"node", peer.node_id()}, {"address", peer.address()}});
      channels_[peer.node_id()] = rpc::MakeChannel(peer.address());
      client_->AddEndpoint(peer.node_id(), metadata::MakeRpcEndpoint(channels_[peer.node_id()]));
    }
  }

  Mutex mu_;
  metadata::GrowingMetadataClient* client_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, std::shared_ptr<rpc::Channel>> channels_ ABSL_GUARDED_BY(mu_);
  NodeId asked_ ABSL_GUARDED_BY(mu_) = 0;
};

class FollowingClient final : public metadata::MetadataClient {
 public:
  FollowingClient(const std::map<NodeId, std::string>& addresses,
                  const metadata::MetadataClientOptions& options) {
    std::map<NodeId, std::shared_ptr<rpc::Channel>> channels;
    std::map<NodeId, std::unique_ptr<metadata::MetadataEndpoint>> endpoints;
    for (const auto& [node, address] : addresses) {
      channels[node] = rpc::MakeChannel(address);
      endpoints[node] = metadata::MakeRpcEndpoint(channels[node]);
    }
    client_ = metadata::MakeMetadataClient(std::move(endpoints), options);
    follower_ = std::make_shared<Follower>(client_.get(), std::move(channels));
    follower_->Start();
  }
  ~FollowingClient() override { follower_->Detach(); }

  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override {
    client_->Execute(std::move(request), std::move(done));
  }

 private:
  std::unique_ptr<metadata::GrowingMetadataClient> client_;
  std::shared_ptr<Follower> follower_;
};

}  // namespace

std::unique_ptr<metadata::MetadataClient> FollowMetadataMembers(
    const std::map<NodeId, std::string>& addresses,
    const metadata::MetadataClientOptions& options) {
  return std::make_unique<FollowingClient>(addresses, options);
}

}  // namespace openefs::cli
