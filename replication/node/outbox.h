// Outbox: collects messages of all groups, so that each peer gets one batch.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "common/ids.h"
#include "replication/node/transport.h"

namespace openefs::replication {

class Outbox {
 public:
  Outbox(Transport* transport, std::string cluster_id)
      : transport_(transport), cluster_id_(std::move(cluster_id)) {}

  void Add(pb::RaftMessage message) {
    const NodeId to = message.to();
    *batches_[to].add_messages() = std::move(message);
  }

  void Send() {
    for (auto& [peer, batch] : batches_) {
      batch.set_cluster_id(cluster_id_);
      transport_->Send(peer, std::move(batch));
    }
    batches_.clear();
  }

 private:
  Transport* const transport_;
  const std::string cluster_id_;
  std::map<NodeId, pb::RaftMessageBatch> batches_;
};

}  // namespace openefs::replication
