// One group's replicated state: entries in, effects and responses out. What ApplySegment makes of
// an entry, the applied index and the wall time reached go into one write.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "common/ids.h"
#include "metadata/store/kv.h"
#include "replication/node/state_machine.h"

namespace openefs::metadata {

class MetadataStateMachine final : public replication::StateMachine {
 public:
  // What the service wants to hear; called on the applier's thread, must not block.
  struct Callbacks {
    std::function<void(uint64_t term)> on_leader;
    std::function<void()> on_follower;
  };

  // Takes up where the store on disk stands.
  MetadataStateMachine(GroupId group, std::unique_ptr<KvEngine> engine, Callbacks callbacks);

  // Entries at or below the applied index are skipped. An entry proposed here has a SegmentProposal
  // as its context, which gets its responses. DATA_LOSS: an entry does not parse.
  absl::Status Apply(absl::Span<const replication::CommittedEntry> entries) override;
  uint64_t AppliedIndex() const override { return applied_index_.load(std::memory_order_acquire); }
  absl::StatusOr<uint64_t> Flush() override;
  void OnLeader(uint64_t term) override;
  void OnFollower() override;

  // For reads, after a read barrier. Any thread. Must not outlive the machine.
  std::unique_ptr<KvSnapshot> Snapshot() { return engine_->Snapshot(); }

 private:
  // Constant.
  const GroupId group_;
  const std::unique_ptr<KvEngine> engine_;
  const Callbacks callbacks_;

  // Written by the applier's thread.
  std::atomic<uint64_t> applied_index_{0};

  // Applier's thread only.
  int64_t last_wall_time_ns_ = 0;
};

}  // namespace openefs::metadata
