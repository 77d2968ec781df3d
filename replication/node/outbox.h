// Outbox: collects messages of all groups, so that each peer gets one batch.
#pragma once

#include <map>
#include <utility>

#include "common/ids.h"
#include "proto/raft.pb.h"

namespace openefs::replication {

// Where batches go: Peers, or a simulated network.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Any thread; never blocks.
  virtual void Send(NodeId to, pb::RaftMessageBatch batch) = 0;
};

class Outbox {
 public:
  explicit Outbox(BatchSink* sink) : sink_(sink) {}

  void Add(pb::RaftMessage message) {
    const NodeId to = message.to();
    *batches_[to].add_messages() = std::move(message);
  }

  void Send() {
    for (auto& [peer, batch] : batches_) sink_->Send(peer, std::move(batch));
    batches_.clear();
  }

 private:
  BatchSink* const sink_;
  std::map<NodeId, pb::RaftMessageBatch> batches_;
};

}  // namespace openefs::replication
