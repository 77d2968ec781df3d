// Transport over common/rpc: one-way kRaftMessages frames on the channel to each peer.
#include <string>
#include <utility>

#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "replication/node/transport.h"

namespace openefs::replication {
namespace {

// A frame of common/rpc holds 64 MiB; one message holds 1 MiB, or one entry that is larger.
constexpr size_t kMaxBatchBytes = size_t{16} << 20;

// Shared with the server's handler, which may outlive the transport.
class Delivery {
 public:
  void Set(Transport::Receiver receiver) {
    MutexLock lock(mu_);
    receiver_ = std::move(receiver);
  }
  void Deliver(const std::string& bytes) {
    pb::RaftMessageBatch batch;
    if (!batch.ParseFromString(bytes)) return;  // of a later version, or damaged: as if lost
    MutexLock lock(mu_);
    if (receiver_) receiver_(std::move(batch));
  }

 private:
  // Held while a batch is delivered, which only puts it into an inbox.
  Mutex mu_;
  Transport::Receiver receiver_ ABSL_GUARDED_BY(mu_);
};

class RpcTransport final : public Transport {
 public:
  RpcTransport(rpc::Server* server, std::map<NodeId, std::shared_ptr<rpc::Channel>> peers)
      : peers_(std::move(peers)) {
    server->Register(rpc::Method::kRaftMessages,
                     [delivery = delivery_](rpc::Message request, rpc::ReplyCallback) {
                       delivery->Deliver(request.header);
                     });
  }
  ~RpcTransport() override { delivery_->Set(nullptr); }

  void Send(NodeId to, pb::RaftMessageBatch batch) override {
    const auto peer = peers_.find(to);
    if (peer == peers_.end()) return;
    pb::RaftMessageBatch part;
    size_t bytes = 0;
    for (pb::RaftMessage& message : *batch.mutable_messages()) {
      bytes += message.ByteSizeLong();
      if (bytes > kMaxBatchBytes && part.messages_size() > 0) {
        SendPart(*peer->second, batch.cluster_id(), std::exchange(part, {}));
        bytes = message.ByteSizeLong();
      }
      *part.add_messages() = std::move(message);
    }
    SendPart(*peer->second, batch.cluster_id(), std::move(part));
  }
  void SetReceiver(Receiver receiver) override { delivery_->Set(std::move(receiver)); }

 private:
  static void SendPart(rpc::Channel& peer, const std::string& cluster_id,
                       pb::RaftMessageBatch part) {
    part.set_cluster_id(cluster_id);
    peer.Send(rpc::Method::kRaftMessages, {part.SerializeAsString(), {}});
  }

  const std::map<NodeId, std::shared_ptr<rpc::Channel>> peers_;
  const std::shared_ptr<Delivery> delivery_ = std::make_shared<Delivery>();
};

}  // namespace

std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server,
                                            std::map<NodeId, std::shared_ptr<rpc::Channel>> peers) {
  return std::make_unique<RpcTransport>(server, std::move(peers));
}

}  // namespace openefs::replication
