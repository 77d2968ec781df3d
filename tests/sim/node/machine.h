// What the process of a metadata node runs on. All of it outlives the process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/ids.h"
#include "replication/node/snapshot_step.h"
#include "tests/sim/checkers/checkers.h"
#include "tests/sim/disk/kv_disk.h"
#include "tests/sim/disk/log_disk.h"
#include "tests/sim/kernel/random.h"
#include "tests/sim/node/node_clock.h"
#include "tests/sim/node/snapshot_traffic.h"
#include "tests/sim/options.h"

namespace openefs::sim {

struct Machine {
  using Task = absl::AnyInvocable<void()>;

  NodeId id = 0;
  std::vector<NodeId> voters;  // first members of every group; others wait to be added
  const SimOptions* options = nullptr;
  SimRandom* random = nullptr;
  Counts* counts = nullptr;
  std::map<GroupId, Checkers>* checkers = nullptr;  // of every group there is
  NodeClock* clock = nullptr;
  LogDisk* log = nullptr;
  std::map<GroupId, KvDisk>* stores = nullptr;  // of every group there is
  const int64_t* slowness = nullptr;            // of the disk: latencies are multiplied by it
  // Runs a task after a delay, if the process still lives, and not while it is paused.
  std::function<void(int64_t delay_ns, Task)> post;
  // A write of the log has begun that takes so long.
  std::function<void(int64_t duration_ns)> write_begun;
  SnapshotTraffic::Send send_snapshot;
  // Whether the machine stops at this step of making or installing a snapshot.
  std::function<bool(replication::SnapshotStep)> stops_at;
  // Hands a batch to the node `to`, at the other end of the network.
  std::function<void(NodeId to, const pb::RaftMessageBatch&)> deliver;
};

}  // namespace openefs::sim
