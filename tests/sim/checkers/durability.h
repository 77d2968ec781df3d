// What is committed is on the disks of a quorum by then (Raft paper, 5.3 and 5.4): of the voters of
// the configuration in which the leader counted.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "replication/raft/raft.h"

namespace openefs::sim {

class Durability {
 public:
  // An entry has become durable on a node.
  void Durable(NodeId node, uint64_t index, uint64_t term);
  // What a node had from `index` on may be overwritten or lost.
  void Forget(NodeId node, uint64_t index);
  // A node has all that is committed up to `index`, from a snapshot or in its state machine.
  void DurableUpTo(NodeId node, uint64_t index);
  // The event loop of a node has taken a turn.
  void Turned(const replication::raft::Raft& core);

  // The highest commit index that any node has had.
  uint64_t committed() const { return committed_; }

 private:
  void Check(const replication::raft::Raft& core, uint64_t index) const;

  uint64_t committed_ = 0;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> holders_;  // (index, term): bit per node
  std::map<NodeId, uint64_t> up_to_;
};

}  // namespace openefs::sim
