// Transport over common/rpc: batches are one-way kRaftMessages frames on the stream to each peer,
// hellos are kPeerHello calls on the same stream. The channel connects, and connects again, by
// itself.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "replication/node/transport.h"

namespace openefs::replication {
namespace {

// A frame of common/rpc holds 64 MiB; one message holds 1 MiB, or one entry that is larger.
constexpr size_t kMaxBatchBytes = size_t{16} << 20;

// A peer that takes longer to answer is asked again.
// A part waits behind the receiver's disk, the end until all files are read again and verified.
constexpr int64_t kSnapshotTimeoutMs = 60'000;
constexpr int64_t kHelloTimeoutMs = 2'000;

// Shared with the server's handlers, which may outlive the transport.
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
    if (receiver_.batch) receiver_.batch(std::move(batch));
  }
  void DeliverHello(const std::string& bytes, rpc::ReplyCallback reply) {
    pb::PeerHello hello;
    if (!hello.ParseFromString(bytes)) return reply(absl::InvalidArgumentError("no hello"));
    MutexLock lock(mu_);
    if (!receiver_.hello) return reply(absl::UnavailableError("this node is not running"));
    receiver_.hello(std::move(hello), [reply = std::move(reply)](pb::PeerWelcome welcome) mutable {
      reply(rpc::Message{welcome.SerializeAsString(), {}});
    });
  }
  void DeliverSnapshot(rpc::Message message, rpc::ReplyCallback reply) {
    pb::SnapshotRequest request;
    if (!request.ParseFromString(message.header)) {
      return reply(absl::InvalidArgumentError("no snapshot request"));
    }
    MutexLock lock(mu_);
    if (!receiver_.snapshot) return reply(absl::UnavailableError("this node is not running"));
    receiver_.snapshot(
        std::move(request), std::move(message.payload),
        [reply = std::move(reply)](absl::StatusOr<pb::SnapshotReply> answer) mutable {
          if (!answer.ok()) return reply(answer.status());
          reply(rpc::Message{answer->SerializeAsString(), {}});
        });
  }

 private:
  // Held while something is delivered, which only puts it into an inbox.
  Mutex mu_;
  Transport::Receiver receiver_ ABSL_GUARDED_BY(mu_);
};

class RpcTransport final : public Transport {
 public:
  RpcTransport(rpc::Server* server, const std::map<NodeId, std::string>& addresses) {
    for (const auto& [node, address] : addresses) channels_[node] = rpc::MakeChannel(address);
    server->Register(rpc::Method::kRaftMessages,
                     [delivery = delivery_](rpc::Message request, rpc::ReplyCallback) {
                       delivery->Deliver(request.header);
                     });
    server->Register(rpc::Method::kPeerHello,
                     [delivery = delivery_](rpc::Message request, rpc::ReplyCallback reply) {
                       delivery->DeliverHello(request.header, std::move(reply));
                     });
    server->Register(rpc::Method::kSnapshot,
                     [delivery = delivery_](rpc::Message request, rpc::ReplyCallback reply) {
                       delivery->DeliverSnapshot(std::move(request), std::move(reply));
                     });
  }
  ~RpcTransport() override { delivery_->Set({}); }

  void Send(NodeId to, pb::RaftMessageBatch batch) override {
    const std::shared_ptr<rpc::Channel> channel = Find(to);
    if (channel == nullptr) return;
    pb::RaftMessageBatch part = WithoutMessages(batch);
    size_t bytes = 0;
    for (pb::RaftMessage& message : *batch.mutable_messages()) {
      const size_t more = message.ByteSizeLong();
      if (bytes + more > kMaxBatchBytes && part.messages_size() > 0) {
        SendPart(*channel, std::exchange(part, WithoutMessages(batch)));
        bytes = 0;
      }
      bytes += more;
      *part.add_messages() = std::move(message);
    }
    SendPart(*channel, part);
  }

  void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) override {
    const std::shared_ptr<rpc::Channel> channel = Find(to);
    if (channel == nullptr) {
      return done(absl::UnavailableError(absl::StrCat("the address of node ", to, " is unknown")));
    }
    channel->Call(rpc::Method::kPeerHello, {hello.SerializeAsString(), {}}, kHelloTimeoutMs,
                  [done = std::move(done)](absl::StatusOr<rpc::Message> reply) mutable {
                    if (!reply.ok()) return done(reply.status());
                    pb::PeerWelcome welcome;
                    if (welcome.ParseFromString(reply->header)) return done(std::move(welcome));
                    done(absl::InternalError("the answer to a hello does not parse"));
                  });
  }

  void Snapshot(NodeId to, pb::SnapshotRequest request, BufferList bytes,
                SnapshotCallback done) override {
    const std::shared_ptr<rpc::Channel> channel = Find(to);
    if (channel == nullptr) {
      return done(absl::UnavailableError(absl::StrCat("the address of node ", to, " is unknown")));
    }
    channel->Call(rpc::Method::kSnapshot, {request.SerializeAsString(), std::move(bytes)},
                  kSnapshotTimeoutMs,
                  [done = std::move(done)](absl::StatusOr<rpc::Message> reply) mutable {
                    if (!reply.ok()) return done(reply.status());
                    pb::SnapshotReply answer;
                    if (answer.ParseFromString(reply->header)) return done(std::move(answer));
                    done(absl::InternalError("the answer about a snapshot does not parse"));
                  });
  }

  void LearnAddress(NodeId peer, const std::string& address) override {
    if (address.empty()) return;
    MutexLock lock(mu_);
    std::shared_ptr<rpc::Channel>& channel = channels_[peer];
    if (channel == nullptr) channel = rpc::MakeChannel(address);
  }

  void SetReceiver(Receiver receiver) override { delivery_->Set(std::move(receiver)); }

 private:
  static pb::RaftMessageBatch WithoutMessages(const pb::RaftMessageBatch& batch) {
    pb::RaftMessageBatch part;
    part.set_cluster_id(batch.cluster_id());
    part.set_from(batch.from());
    part.set_from_session(batch.from_session());
    part.set_to_session(batch.to_session());
    part.set_alive(batch.alive());
    part.set_leaving(batch.leaving());
    part.set_quiet_groups(batch.quiet_groups());
    part.set_quiet_sum(batch.quiet_sum());
    return part;
  }
  static void SendPart(rpc::Channel& peer, const pb::RaftMessageBatch& part) {
    peer.Send(rpc::Method::kRaftMessages, {part.SerializeAsString(), {}});
  }
  std::shared_ptr<rpc::Channel> Find(NodeId node) {
    MutexLock lock(mu_);
    const auto found = channels_.find(node);
    return found == channels_.end() ? nullptr : found->second;
  }

  const std::shared_ptr<Delivery> delivery_ = std::make_shared<Delivery>();
  Mutex mu_;
  std::map<NodeId, std::shared_ptr<rpc::Channel>> channels_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server,
                                            const std::map<NodeId, std::string>& addresses) {
  return std::make_unique<RpcTransport>(server, addresses);
}

}  // namespace openefs::replication
