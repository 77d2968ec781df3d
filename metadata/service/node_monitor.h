// Which data nodes are alive, judged by their heartbeats: memory of the system group's leader. It
// only ever proposes; the cluster map changes by Raft entries.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

// Times are a monotonic clock's milliseconds. Any thread.
class NodeMonitor {
 public:
  explicit NodeMonitor(int64_t timeout_ms) : timeout_ms_(timeout_ms) {}

  // A term begins: every node has one full timeout to be heard before it is judged.
  void Reset(int64_t now_ms);

  void Heard(uint32_t node_id, int64_t now_ms);

  // It is there, but of no use to writers: as one that has been silent for long.
  void HeardFailing(uint32_t node_id, int64_t now_ms) { Heard(node_id, now_ms - timeout_ms_ - 1); }

  // Status changes the map needs: DOWN for the silent, UP for those heard again. GONE is for ever.
  std::vector<pb::SetNodeStatus> Judge(const std::vector<pb::DataNode>& nodes,
                                       int64_t now_ms) const;

 private:
  const int64_t timeout_ms_;

  mutable Mutex mu_;
  int64_t reset_ms_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<uint32_t, int64_t> heard_ms_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::metadata
