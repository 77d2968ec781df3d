// How the nodes of a cluster reach each other. Messages may be lost, doubled, delayed and
// reordered; Raft does not care. Who is who is settled above this layer: peers.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "proto/raft.pb.h"

namespace openefs::rpc {
class Server;
}  // namespace openefs::rpc

namespace openefs::replication {

class Transport {
 public:
  using HelloReply = absl::AnyInvocable<void(pb::PeerWelcome)>;
  using HelloCallback = absl::AnyInvocable<void(absl::StatusOr<pb::PeerWelcome>)>;
  struct Receiver {
    std::function<void(pb::RaftMessageBatch)> batch;
    // Calls `reply` once, on any thread.
    std::function<void(pb::PeerHello, HelloReply)> hello;
  };

  virtual ~Transport() = default;

  // All messages for one peer since the last call, in one batch. Any thread; never blocks.
  virtual void Send(NodeId to, pb::RaftMessageBatch batch) = 0;

  // Introduces this node; `done` runs once, on any thread, possibly inside the call.
  // UNAVAILABLE, DEADLINE_EXCEEDED: no answer.
  virtual void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) = 0;

  // Where `peer` is reached, host:port, unless the configuration says so already. Any thread.
  virtual void LearnAddress(NodeId peer, const std::string& address) = 0;

  // Set once, before messages flow; an empty one stops delivery and waits for a call under way.
  virtual void SetReceiver(Receiver receiver) = 0;
};

// Joins the transports of nodes in one process. Peers that have no transport yet (or any more) lose
// their messages, as on a network.
class LocalNetwork {
 public:
  virtual ~LocalNetwork() = default;
  // The latest one of a node receives; an earlier one that is still there can only send.
  virtual std::unique_ptr<Transport> MakeTransport(NodeId node) = 0;

  // For tests: cuts or heals both directions between two nodes.
  virtual void SetCut(NodeId a, NodeId b, bool cut) = 0;
};
std::unique_ptr<LocalNetwork> MakeLocalNetwork();

// Over common/rpc. Registers kRaftMessages and kPeerHello with `server`; `addresses` says where the
// other nodes are.
std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server,
                                            const std::map<NodeId, std::string>& addresses);

}  // namespace openefs::replication
