// Transport between nodes of one process: the sender's thread puts the batch into the receiver's
// inbox. Nothing is encoded or copied.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "replication/node/transport.h"

namespace openefs::replication {
namespace {

class LocalTransport;

// Outlives the transports: they share it.
class Switchboard {
 public:
  void Join(NodeId node, LocalTransport* transport) {
    MutexLock lock(mu_);
    transports_[node] = transport;
  }
  void Leave(NodeId node, LocalTransport* transport) {
    MutexLock lock(mu_);
    const auto found = transports_.find(node);
    if (found != transports_.end() && found->second == transport) transports_.erase(found);
  }
  void SetCut(NodeId a, NodeId b, bool cut) {
    MutexLock lock(mu_);
    const auto pair = std::minmax(a, b);
    if (cut) {
      cuts_.insert(pair);
    } else {
      cuts_.erase(pair);
    }
  }
  void Deliver(NodeId from, NodeId to, pb::RaftMessageBatch batch);
  // False: nobody is there.
  bool DeliverHello(NodeId from, NodeId to, pb::PeerHello& hello, Transport::HelloCallback& done);
  bool DeliverSnapshot(NodeId from, NodeId to, pb::SnapshotRequest& request, BufferList& bytes,
                       Transport::SnapshotCallback& done);

 private:
  LocalTransport* Find(NodeId from, NodeId to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Held while a batch is delivered, which only puts it into an inbox; so a transport cannot go
  // away under a delivery.
  Mutex mu_;
  std::map<NodeId, LocalTransport*> transports_ ABSL_GUARDED_BY(mu_);
  std::set<std::pair<NodeId, NodeId>> cuts_ ABSL_GUARDED_BY(mu_);
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(NodeId node, std::shared_ptr<Switchboard> board)
      : node_(node), board_(std::move(board)) {
    board_->Join(node_, this);
  }
  ~LocalTransport() override { board_->Leave(node_, this); }

  void Send(NodeId to, pb::RaftMessageBatch batch) override {
    board_->Deliver(node_, to, std::move(batch));
  }
  void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) override {
    if (board_->DeliverHello(node_, to, hello, done)) return;
    done(absl::UnavailableError(absl::StrCat("node ", to, " is not there")));
  }
  void Snapshot(NodeId to, pb::SnapshotRequest request, BufferList bytes,
                SnapshotCallback done) override {
    if (board_->DeliverSnapshot(node_, to, request, bytes, done)) return;
    done(absl::UnavailableError(absl::StrCat("node ", to, " is not there")));
  }
  void LearnAddress(NodeId, const std::string&) override {}
  void SetReceiver(Receiver receiver) override {
    MutexLock lock(mu_);
    receiver_ = std::move(receiver);
  }
  void Receive(pb::RaftMessageBatch batch) {
    MutexLock lock(mu_);
    if (receiver_.batch) receiver_.batch(std::move(batch));
  }
  bool Receive(pb::PeerHello& hello, HelloCallback& done) {
    MutexLock lock(mu_);
    if (!receiver_.hello) return false;
    receiver_.hello(std::move(hello), std::move(done));
    return true;
  }
  bool Receive(pb::SnapshotRequest& request, BufferList& bytes, SnapshotCallback& done) {
    MutexLock lock(mu_);
    if (!receiver_.snapshot) return false;
    receiver_.snapshot(std::move(request), std::move(bytes), std::move(done));
    return true;
  }

 private:
  const NodeId node_;
  const std::shared_ptr<Switchboard> board_;
  Mutex mu_;
  Receiver receiver_ ABSL_GUARDED_BY(mu_);
};

LocalTransport* Switchboard::Find(NodeId from, NodeId to) {
  if (cuts_.contains(std::minmax(from, to))) return nullptr;
  const auto found = transports_.find(to);
  return found == transports_.end() ? nullptr : found->second;
}

void Switchboard::Deliver(NodeId from, NodeId to, pb::RaftMessageBatch batch) {
  MutexLock lock(mu_);
  if (LocalTransport* transport = Find(from, to)) transport->Receive(std::move(batch));
}

bool Switchboard::DeliverHello(NodeId from, NodeId to, pb::PeerHello& hello,
                               Transport::HelloCallback& done) {
  MutexLock lock(mu_);
  LocalTransport* transport = Find(from, to);
  return transport != nullptr && transport->Receive(hello, done);
}

bool Switchboard::DeliverSnapshot(NodeId from, NodeId to, pb::SnapshotRequest& request,
                                  BufferList& bytes, Transport::SnapshotCallback& done) {
  MutexLock lock(mu_);
  LocalTransport* transport = Find(from, to);
  return transport != nullptr && transport->Receive(request, bytes, done);
}

class LocalNetworkImpl final : public LocalNetwork {
 public:
  std::unique_ptr<Transport> MakeTransport(NodeId node) override {
    return std::make_unique<LocalTransport>(node, board_);
  }
  void SetCut(NodeId a, NodeId b, bool cut) override { board_->SetCut(a, b, cut); }

 private:
  const std::shared_ptr<Switchboard> board_ = std::make_shared<Switchboard>();
};

}  // namespace

std::unique_ptr<LocalNetwork> MakeLocalNetwork() { return std::make_unique<LocalNetworkImpl>(); }

}  // namespace openefs::replication
