// One group's replicated state: entries in, effects and responses out. What ApplySegment makes of
// an entry, the applied index, the wall time reached and the rolling hash go into one write.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "metadata/planted_bug.h"
#include "metadata/state_comparison.h"
#include "metadata/store/kv.h"
#include "metadata/store/shared_rows.h"
#include "metadata/store/transaction.h"
#include "replication/node/state_machine.h"

namespace openefs::metadata {

class MetadataStateMachine final : public replication::StateMachine {
 public:
  // What the service wants to hear; called on the applier's thread, must not block.
  struct Callbacks {
    std::function<void(uint64_t term)> on_leader;
    std::function<void()> on_follower;
    // What a comparison with the other replicas came to, if they do not agree. On a thread of the
    // node. After kSelfOdd, Apply fails.
    std::function<void(const StateVerdict&)> on_difference;
    // Everything was forgotten, what was wrong too. On a thread of the node; may block.
    std::function<absl::Status()> on_cleared;
  };

  // Takes up where the store on disk stands. `voters` judge over `self`'s state; 0: nobody does.
  // Rows that readers met may take `read_row_bytes` of memory.
  MetadataStateMachine(GroupId group, std::unique_ptr<KvEngine> engine, Callbacks callbacks,
                       NodeId self = 0, std::vector<NodeId> voters = {},
                       size_t read_row_bytes = SharedRows::kMaxBytes);

  // Entries at or below the applied index are skipped. An entry proposed here has a SegmentProposal
  // as its context, which gets its responses. DATA_LOSS: an entry does not parse.
  absl::Status Apply(absl::Span<const replication::CommittedEntry> entries) override;
  uint64_t AppliedIndex() const override { return applied_index_.load(std::memory_order_acquire); }
  absl::StatusOr<uint64_t> Flush() override;
  absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) override;
  absl::Status Install(const std::string& directory) override;
  absl::Status Clear() override;
  void OnLeader(uint64_t term) override;
  void OnFollower() override;
  void OnPeerDigests(NodeId from, absl::Span<const replication::StateDigest> digests) override;

  // What peers shall be told of this replica's state, and who they are. Any thread.
  StateComparison& comparison() { return comparison_; }

  // Flush then waits for no disk: it begins a flush and returns the index of the one before, which
  // has ended. So the log keeps what was applied since the last two. Before the first entry.
  void FlushInBackground() { flush_in_background_ = true; }

  // Reads are not expected any more: the memory that serves them goes. Any thread.
  void ForgetReadRows() { shared_rows_.Clear(); }

  // Tests only; before the first entry.
  void Plant(PlantedBug bug) { planted_bug_ = bug; }
  // Tests only: something else wrote to the engine, while nothing was applied.
  void OnForeignWrite() {
    shared_rows_.BeginWrite({});
    shared_rows_.EndReplacement();
  }

  // For reads, after a read barrier. Any thread. Must not outlive the machine.
  std::unique_ptr<KvSnapshot> Snapshot() { return engine_->Snapshot(); }
  // The same as KvEngine::MemoryView is to Snapshot; may throw NotInMemory.
  std::unique_ptr<KvSnapshot> MemoryView() { return shared_rows_.Over(*engine_); }

 private:
  // The messages of an entry under usual load, without their long strings.
  static constexpr size_t kArenaBlockBytes = size_t{64} << 10;

  void LoadPosition();
  absl::Status EndFlush();
  absl::Status WriteAll(Changes changes);
  absl::Status ForgetResults();
  absl::Status ApplyOne(Transaction& txn, const replication::CommittedEntry& committed);

  // Constant.
  const GroupId group_;
  const std::unique_ptr<KvEngine> engine_;
  const Callbacks callbacks_;
  PlantedBug planted_bug_ = PlantedBug::kNone;
  bool flush_in_background_ = false;

  // Written by the applier's thread.
  std::atomic<uint64_t> applied_index_{0};

  // Any thread.
  SharedRows shared_rows_;
  StateComparison comparison_;
  std::atomic<bool> odd_{false};  // a majority of the replicas came to something else

  // Applier's thread only.
  std::vector<char> arena_block_ = std::vector<char>(kArenaBlockBytes);  // for one entry at a time
  uint64_t flushed_index_ = 0;                                           // the store on disk has it
  uint64_t flushing_index_ = 0;  // will have it when `flushing_` is through
  std::future<absl::Status> flushing_;
  int64_t last_wall_time_ns_ = 0;
  uint64_t state_hash_ = 0;
  bool hash_known_ = false;  // not so in a store of a version that kept none
};

}  // namespace openefs::metadata
