// SnapshotSender: the threads of a node that send checkpoints to followers whose entries the log no
// longer holds. Each thread sends one snapshot at a time and holds a few parts of it in memory.
//
//   hash all files -> BEGIN (what the follower has) -> PART, PART, ... -> END (verified there)
//
// After a broken connection it begins again with the same checkpoint, and goes on where the
// follower is.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/metrics/metrics.h"
#include "common/mutex.h"
#include "replication/node/inbox.h"
#include "replication/node/pacer.h"
#include "replication/node/snapshot_files.h"
#include "replication/node/snapshot_step.h"

namespace openefs::replication {

// Snapshots that a node sends at the same time, of all groups: they share one disk and one rate.
inline constexpr size_t kSnapshotsAtOnce = 2;

struct SnapshotJob {
  GroupId group = 0;
  NodeId follower = 0;
  uint64_t leader_term = 0;
  raft::SnapshotMeta meta;
  std::string directory;  // of the checkpoint, which the sender removes
  std::shared_ptr<std::atomic<bool>> cancelled;
};

class SnapshotSender {
 public:
  struct Options {
    NodeId node_id = 0;
    std::string cluster_id;
    uint64_t bytes_per_second = uint64_t{128} << 20;  // of all snapshots together
    size_t part_bytes = size_t{1} << 20;              // at most kMaxSnapshotPartBytes
    // A follower that takes nothing for so long is given up, until it is heard of again.
    int64_t patience_ms = 30'000;
    SnapshotFaultHook fault;
  };
  // As Transport::Snapshot; adds the envelope. UNAVAILABLE if the two do not know each other.
  using Call =
      std::function<void(NodeId, pb::SnapshotRequest, BufferList, Transport::SnapshotCallback)>;

  // `inbox` hears of the outcome as SnapshotNews::kSent.
  SnapshotSender(Options options, Call call, Inbox* inbox, const Clock* clock);
  ~SnapshotSender() { Stop(); }

  void Start();
  // What is under way ends without news; checkpoints are left for the next start to remove.
  void Stop();

  void Submit(SnapshotJob job);

 private:
  struct Flight;  // parts under way; shared with their callbacks
  struct Transfer {
    const SnapshotJob* job = nullptr;
    const pb::SnapshotManifest* manifest = nullptr;
    uint64_t number = 0;
    std::shared_ptr<Flight> flight;
    int64_t* progress_ms = nullptr;  // when something was last taken
  };

  void Run();
  bool Take(SnapshotJob& job);
  absl::Status Send(const SnapshotJob& job);
  absl::Status SendPatiently(const SnapshotJob& job, const pb::SnapshotManifest& manifest);
  absl::Status Attempt(const SnapshotJob& job, const pb::SnapshotManifest& manifest,
                       int64_t* progress_ms);
  absl::Status SendFile(const Transfer& transfer, int number, uint64_t from);
  void SendPart(const Transfer& transfer, int number, uint64_t offset, Buffer part);
  // Until at most `parts` are under way.
  absl::Status AwaitFlight(const Transfer& transfer, size_t parts);
  absl::StatusOr<pb::SnapshotReply> CallAndWait(const SnapshotJob& job,
                                                pb::SnapshotRequest request);
  absl::Status Pace(const SnapshotJob& job, size_t bytes);
  absl::Status GoOn(const SnapshotJob& job);
  absl::Status Reached(SnapshotStep step) const;

  // Constant.
  const Options options_;
  const Call call_;
  Inbox* const inbox_;
  const Clock* const clock_;
  metrics::Counter& bytes_sent_;

  Pacer pacer_;

  Mutex mu_;
  CondVar work_;
  std::deque<SnapshotJob> queue_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace openefs::replication
