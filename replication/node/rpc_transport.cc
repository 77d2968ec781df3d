// Transport over common/rpc: batches are one-way kRaftMessages frames on the stream of each pair of
// nodes, hellos and snapshots are calls on the same stream, either way. Which stream that is, and
// who connects, is for links.h.
#include "replication/node/rpc_transport.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "replication/node/links.h"

namespace openefs::replication {
namespace {

// A frame of common/rpc holds 64 MiB; one message holds 1 MiB, or one entry that is larger.
constexpr size_t kMaxBatchBytes = size_t{16} << 20;

// A part waits behind the receiver's disk, the end until all files are read again and verified.
constexpr int64_t kSnapshotTimeoutMs = 60'000;
// A peer that takes longer to answer is asked again.
constexpr int64_t kHelloTimeoutMs = 2'000;

// Who says something, as the message itself names it.
struct Speaker {
  NodeId node = 0;
  uint64_t session = 0;
};

// Shared with handlers, which may outlive the transport. What does not parse is of a later version,
// or damaged: as if lost.
class Delivery {
 public:
  void Set(Transport::Receiver receiver) {
    MutexLock lock(mu_);
    receiver_ = std::move(receiver);
  }
  void Deliver(pb::RaftMessageBatch batch) {
    MutexLock lock(mu_);
    if (receiver_.batch) receiver_.batch(std::move(batch));
  }
  void Deliver(pb::PeerHello hello, rpc::ReplyCallback reply) {
    MutexLock lock(mu_);
    if (!receiver_.hello) return reply(absl::UnavailableError("this node is not running"));
    receiver_.hello(std::move(hello), [reply = std::move(reply)](pb::PeerWelcome welcome) mutable {
      reply(rpc::Message{welcome.SerializeAsString(), {}});
    });
  }
  void Deliver(pb::SnapshotRequest request, BufferList bytes, rpc::ReplyCallback reply) {
    MutexLock lock(mu_);
    if (!receiver_.snapshot) return reply(absl::UnavailableError("this node is not running"));
    receiver_.snapshot(
        std::move(request), std::move(bytes),
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

// What the two ends of a stream do with a message; `note` hears first who said it, so that there is
// a way back before anything is answered.
using Note = absl::FunctionRef<void(const Speaker&)>;

void OnBatch(Delivery& delivery, const rpc::Message& message, Note note) {
  pb::RaftMessageBatch batch;
  if (!batch.ParseFromString(message.header)) return;
  note({batch.from(), batch.from_session()});
  delivery.Deliver(std::move(batch));
}

void OnHello(Delivery& delivery, const rpc::Message& message, rpc::ReplyCallback reply, Note note) {
  pb::PeerHello hello;
  if (!hello.ParseFromString(message.header)) {
    return reply(absl::InvalidArgumentError("no hello"));
  }
  note({hello.node_id(), hello.session()});
  delivery.Deliver(std::move(hello), std::move(reply));
}

void OnSnapshot(Delivery& delivery, rpc::Message message, rpc::ReplyCallback reply, Note note) {
  pb::SnapshotRequest request;
  if (!request.ParseFromString(message.header)) {
    return reply(absl::InvalidArgumentError("no snapshot request"));
  }
  note({request.envelope().from(), request.envelope().from_session()});
  delivery.Deliver(std::move(request), std::move(message.payload), std::move(reply));
}

// For streams that this node opened: it knows whom to.
std::shared_ptr<const rpc::Handlers> HandlersOfDialed(const std::shared_ptr<Delivery>& delivery) {
  const auto nobody = [](const Speaker&) {};
  auto handlers = std::make_shared<rpc::Handlers>();
  handlers->emplace(rpc::Method::kRaftMessages,
                    [=](const rpc::Message& message, const rpc::ReplyCallback&) {
                      OnBatch(*delivery, message, nobody);
                    });
  handlers->emplace(rpc::Method::kPeerHello,
                    [=](const rpc::Message& message, rpc::ReplyCallback reply) {
                      OnHello(*delivery, message, std::move(reply), nobody);
                    });
  handlers->emplace(rpc::Method::kSnapshot, [=](rpc::Message message, rpc::ReplyCallback reply) {
    OnSnapshot(*delivery, std::move(message), std::move(reply), nobody);
  });
  return handlers;
}

class RpcTransport final : public Transport {
 public:
  RpcTransport(rpc::Server* server, NodeId self, const std::map<NodeId, std::string>& addresses,
               Connect connect)
      : links_(std::make_shared<Links>(
            self, addresses,
            [handlers = HandlersOfDialed(delivery_), connect = std::move(connect)](
                const std::string& address) { return connect(address, handlers); },
            SystemClock::Get())) {
    server->RegisterWithOrigin(
        rpc::Method::kRaftMessages,
        [delivery = delivery_, links = links_](const rpc::Message& message,
                                               const rpc::ReplyCallback&, rpc::Origin& origin) {
          OnBatch(*delivery, message, [&](const Speaker& speaker) {
            links->NoteOrigin(speaker.node, speaker.session, origin);
          });
        });
    server->RegisterWithOrigin(
        rpc::Method::kPeerHello,
        [delivery = delivery_, links = links_](const rpc::Message& message,
                                               rpc::ReplyCallback reply, rpc::Origin& origin) {
          OnHello(*delivery, message, std::move(reply), [&](const Speaker& speaker) {
            links->NoteOrigin(speaker.node, speaker.session, origin);
          });
        });
    server->RegisterWithOrigin(
        rpc::Method::kSnapshot,
        [delivery = delivery_, links = links_](rpc::Message message, rpc::ReplyCallback reply,
                                               rpc::Origin& origin) {
          OnSnapshot(*delivery, std::move(message), std::move(reply), [&](const Speaker& speaker) {
            links->NoteOrigin(speaker.node, speaker.session, origin);
          });
        });
  }
  ~RpcTransport() override {
    delivery_->Set({});
    links_->Close();
  }

  void Send(NodeId to, pb::RaftMessageBatch batch) override {
    const std::shared_ptr<rpc::Caller> link = links_->ToSession(to, batch.to_session());
    if (link == nullptr) return;
    pb::RaftMessageBatch part = WithoutMessages(batch);
    size_t bytes = 0;
    for (pb::RaftMessage& message : *batch.mutable_messages()) {
      const size_t more = message.ByteSizeLong();
      if (bytes + more > kMaxBatchBytes && part.messages_size() > 0) {
        SendPart(*link, std::exchange(part, WithoutMessages(batch)));
        bytes = 0;
      }
      bytes += more;
      *part.add_messages() = std::move(message);
    }
    SendPart(*link, part);
  }

  void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) override {
    const std::shared_ptr<rpc::Caller> link = links_->ForHello(to);
    if (link == nullptr) return done(NoWayTo(to));
    link->Call(rpc::Method::kPeerHello, {hello.SerializeAsString(), {}}, kHelloTimeoutMs,
               [done = std::move(done)](absl::StatusOr<rpc::Message> reply) mutable {
                 if (!reply.ok()) return done(reply.status());
                 pb::PeerWelcome welcome;
                 if (welcome.ParseFromString(reply->header)) return done(std::move(welcome));
                 done(absl::InternalError("the answer to a hello does not parse"));
               });
  }

  void Snapshot(NodeId to, pb::SnapshotRequest request, BufferList bytes,
                SnapshotCallback done) override {
    const std::shared_ptr<rpc::Caller> link =
        links_->ToSession(to, request.envelope().to_session());
    if (link == nullptr) return done(NoWayTo(to));
    link->Call(rpc::Method::kSnapshot, {request.SerializeAsString(), std::move(bytes)},
               kSnapshotTimeoutMs,
               [done = std::move(done)](absl::StatusOr<rpc::Message> reply) mutable {
                 if (!reply.ok()) return done(reply.status());
                 pb::SnapshotReply answer;
                 if (answer.ParseFromString(reply->header)) return done(std::move(answer));
                 done(absl::InternalError("the answer about a snapshot does not parse"));
               });
  }

  void LearnAddress(NodeId peer, const std::string& address) override {
    links_->LearnAddress(peer, address);
  }

  void SetReceiver(Receiver receiver) override { delivery_->Set(std::move(receiver)); }

 private:
  static absl::Status NoWayTo(NodeId node) {
    return absl::UnavailableError(
        absl::StrCat("node ", node, " has not connected, or its address is unknown"));
  }
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
  static void SendPart(rpc::Caller& peer, const pb::RaftMessageBatch& part) {
    peer.Send(rpc::Method::kRaftMessages, {part.SerializeAsString(), {}});
  }
  const std::shared_ptr<Delivery> delivery_ = std::make_shared<Delivery>();
  const std::shared_ptr<Links> links_;
};

}  // namespace

std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server, NodeId self,
                                            const std::map<NodeId, std::string>& addresses) {
  return MakeRpcTransport(server, self, addresses, rpc::MakeChannel);
}

std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server, NodeId self,
                                            const std::map<NodeId, std::string>& addresses,
                                            Connect connect) {
  return std::make_unique<RpcTransport>(server, self, addresses, std::move(connect));
}

}  // namespace openefs::replication
