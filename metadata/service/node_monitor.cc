#include "metadata/service/node_monitor.h"

namespace openefs::metadata {

void NodeMonitor::Reset(int64_t now_ms) {
  MutexLock lock(mu_);
  reset_ms_ = now_ms;
  heard_ms_.clear();
}

void NodeMonitor::Heard(uint32_t node_id, int64_t now_ms) {
  MutexLock lock(mu_);
  heard_ms_[node_id] = now_ms;
}

std::vector<pb::SetNodeStatus> NodeMonitor::Judge(const std::vector<pb::DataNode>& nodes,
                                                  int64_t now_ms) const {
  MutexLock lock(mu_);
  std::vector<pb::SetNodeStatus> changes;
  for (const pb::DataNode& node : nodes) {
    if (node.status() == pb::NODE_GONE) continue;
    auto heard = heard_ms_.find(node.node_id());
    const int64_t since_ms = heard == heard_ms_.end() ? reset_ms_ : heard->second;
    const bool silent = now_ms - since_ms > timeout_ms_;
    const bool down = node.status() == pb::NODE_DOWN;
    const bool changed = down ? heard != heard_ms_.end() && !silent : silent;
    if (!changed) continue;
    pb::SetNodeStatus& change = changes.emplace_back();
    change.set_node_id(node.node_id());
    change.set_status(down ? pb::NODE_UP : pb::NODE_DOWN);
  }
  return changes;
}

}  // namespace openefs::metadata
