// Applier: feeds one group's state machine, on the threads of an ApplierPool.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "replication/node/applier_pool.h"
#include "replication/node/inbox.h"
#include "replication/node/snapshot_files.h"
#include "replication/node/snapshot_step.h"
#include "replication/node/state_machine.h"
#include "replication/raft/entry.h"

namespace openefs::replication {

// What a snapshot wants of the state machine and of the directory it lies in; see
// group_snapshots.h.
struct SnapshotTask {
  enum class Kind {
    kCheckpoint,  // for `follower`, into its directory
    kInstall,     // `incoming` becomes the intent, then the state machine
    kFinish,      // the intent goes
  };
  Kind kind = Kind::kCheckpoint;
  SnapshotPaths paths;
  NodeId follower = 0;
  uint64_t leader_term = 0;  // with a follower
  uint64_t index = 0;
  SnapshotFaultHook fault;
};

// Carried out in the order of the members.
struct ApplyTask {
  struct Item {
    raft::Entry entry;
    std::shared_ptr<ProposalContext> context;  // null: not proposed here
    InFlight::Ticket ticket;
  };
  enum class Leadership { kUnchanged, kGained, kLost };

  std::vector<Item> items;
  Leadership leadership = Leadership::kUnchanged;
  uint64_t term = 0;  // with kGained
  std::vector<BarrierCallback> barriers;
  bool flush = false;
  std::optional<SnapshotTask> snapshot;
};

class Applier {
 public:
  Applier(GroupId group, StateMachine* machine, Inbox* inbox);
  ~Applier() { Stop(); }

  void Start(ApplierPool* pool);
  // One turn, by a thread of the pool, or by the simulator in place of Start: carries out what is
  // queued, up to a limit. False: nothing was; it is out of the pool's line.
  bool RunQueued();
  // Finishes the Apply under way, before the pool stops; what is queued is dropped: contexts as
  // UNKNOWN, barriers as UNAVAILABLE.
  void Stop();

  // In a turn of the loop.
  void Submit(ApplyTask task);
  // Whether everything submitted is carried out. In a turn of the loop.
  bool Idle() const { return done_.load(std::memory_order_acquire) == submitted_; }

  // Any thread.
  uint64_t applied_index() const { return applied_.load(std::memory_order_acquire); }

 private:
  std::vector<ApplyTask> Take();
  void Carry(std::vector<ApplyTask> tasks);
  void Apply(std::vector<ApplyTask::Item> items);
  void ApplyPiece(absl::Span<ApplyTask::Item> items);
  absl::Status Feed(absl::Span<const CommittedEntry> entries);
  void Finish(ApplyTask& task);
  void Flush();
  void CarrySnapshot(const SnapshotTask& task);
  absl::Status CarryCheckpoint(const SnapshotTask& task, uint64_t* index);
  absl::Status CarryInstall(const SnapshotTask& task);
  void Drop(ApplyTask& task);
  void Fail(absl::Status why);

  // Constant.
  const GroupId group_;
  StateMachine* const machine_;
  Inbox* const inbox_;

  // In a turn of the loop only.
  uint64_t submitted_ = 0;

  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> applied_;

  // The thread whose turn it is.
  bool failed_ = false;

  Mutex mu_;
  CondVar out_of_line_;
  std::deque<ApplyTask> queue_ ABSL_GUARDED_BY(mu_);
  ApplierPool* pool_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool in_line_ ABSL_GUARDED_BY(mu_) = false;  // waits for a thread of the pool, or has one
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace openefs::replication
