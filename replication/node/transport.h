// How replicas of different nodes reach each other. Messages may be lost, doubled, delayed and
// reordered; Raft does not care.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "proto/raft.pb.h"

namespace openefs::rpc {
class Channel;
class Server;
}  // namespace openefs::rpc

namespace openefs::replication {

class Transport {
 public:
  using Receiver = std::function<void(pb::RaftMessageBatch)>;

  virtual ~Transport() = default;

  // All messages for one peer since the last call, in one batch. Any thread; never blocks.
  virtual void Send(NodeId to, pb::RaftMessageBatch batch) = 0;

  // Set once, before messages flow; null stops delivery and waits for a call under way.
  virtual void SetReceiver(Receiver receiver) = 0;
};

// Joins the transports of nodes in one process. Peers that have no transport yet (or any more) lose
// their messages, as on a network.
class LocalNetwork {
 public:
  virtual ~LocalNetwork() = default;
  virtual std::unique_ptr<Transport> MakeTransport(NodeId node) = 0;

  // For tests: cuts or heals both directions between two nodes.
  virtual void SetCut(NodeId a, NodeId b, bool cut) = 0;
};
std::unique_ptr<LocalNetwork> MakeLocalNetwork();

// Over common/rpc. Registers kRaftMessages with `server`; `peers` gives the channel to each other
// node.
std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server,
                                            std::map<NodeId, std::shared_ptr<rpc::Channel>> peers);

}  // namespace openefs::replication
