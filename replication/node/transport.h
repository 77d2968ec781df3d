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
#include "common/buffer.h"
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
  using SnapshotCallback = absl::AnyInvocable<void(absl::StatusOr<pb::SnapshotReply>)>;
  struct Receiver {
    std::function<void(pb::RaftMessageBatch)> batch;
    // Calls `reply` once, on any thread.
    std::function<void(pb::PeerHello, HelloReply)> hello;
    // The same; the buffers hold a part of a file. See snapshot_receiver.h.
    std::function<void(pb::SnapshotRequest, BufferList, SnapshotCallback)> snapshot;
  };

  virtual ~Transport() = default;

  // All messages for one peer since the last call, in one batch. Any thread; never blocks. Dropped
  // when there is no connection, or when too much waits for a peer that does not read.
  virtual void Send(NodeId to, pb::RaftMessageBatch batch) = 0;

  // Introduces this node; `done` runs once, on any thread, possibly inside the call.
  // UNAVAILABLE, DEADLINE_EXCEEDED: no answer.
  virtual void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) = 0;

  // One step of sending a snapshot, with a part of a file beside it; `done` as for Hello, with the
  // receiver's errors too.
  virtual void Snapshot(NodeId to, pb::SnapshotRequest request, BufferList bytes,
                        SnapshotCallback done) = 0;

  // Where `peer` is reached, host:port, unless the configuration says so already; another address
  // than before takes its place. Any thread.
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

// Over common/rpc, on one stream per pair of nodes: links.h. Registers kRaftMessages, kPeerHello
// and kSnapshot with `server`; `addresses` says where the other nodes are.
std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server, NodeId self,
                                            const std::map<NodeId, std::string>& addresses);

}  // namespace openefs::replication
