// Snapshots (paper section 7). The core decides who needs one and whether one that came is wanted;
// its bytes move outside.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {

std::optional<SnapshotMeta> Raft::SnapshotAt(uint64_t index) const {
  const auto term = log_.Term(index);
  if (!term.has_value() || index > hard_.commit) return std::nullopt;
  SnapshotMeta meta{index, *term, history_.At(index)};
  // A replica that was added later has not heard of its group before the entry that added it.
  if (!IsValid(meta.configuration)) return std::nullopt;
  return meta;
}

void Raft::NeedSnapshot(NodeId to, Progress& progress) {
  progress.NeedSnapshot();
  MaybeRequestSnapshot(to, progress);
}

// Not of one that is away: making a snapshot is dear, and sending it would fail over and over.
void Raft::MaybeRequestSnapshot(NodeId to, Progress& progress) {
  const bool wants = progress.state() == Progress::State::kSnapshot;
  if (!wants || progress.snapshot_requested || !progress.recently_active) return;
  progress.snapshot_requested = true;
  snapshots_to_send_.push_back({to, hard_.term});
}

void Raft::OnSnapshotSent(NodeId follower, uint64_t index) {
  const auto found = progress_.find(follower);
  if (found == progress_.end()) return;
  Progress& progress = found->second;
  if (progress.state() != Progress::State::kSnapshot) return;
  progress.snapshot_requested = false;
  // Failed, or the log was cut beyond it meanwhile: asked again when the follower is heard of.
  if (index == 0 || index + 1 < log_.first_index() || index > log_.last_index()) return;
  progress.SnapshotSent(index);
  MaybeSendAppend(follower, progress);
}

bool Raft::InstallSnapshot(SnapshotMeta meta) {
  if (leads() || installing_.has_value() || !IsValid(meta.configuration)) return false;
  const bool any_index = options_.planted_bug == PlantedBug::kInstallOldSnapshot;
  if (meta.index <= hard_.commit && !any_index) return false;
  // It stands for committed entries. If they are all here, that is news enough.
  if (log_.Matches(meta.index, meta.term) && !any_index) {
    CommitTo(meta.index);
    return false;
  }
  // One that stands for election does so with a log that is about to go.
  if (meta.term > hard_.term || role_ != Role::kFollower) {
    BecomeFollower(std::max(hard_.term, meta.term), 0);
  }
  installing_ = std::move(meta);
  install_handed_out_ = false;
  return true;
}

void Raft::OnSnapshotInstalled(uint64_t index) {
  OPENEFS_CHECK(installing_.has_value() && installing_->index == index);
  OPENEFS_CHECK(options_.planted_bug == PlantedBug::kInstallOldSnapshot || index > hard_.commit);
  log_.Reset(index, installing_->term);
  history_.Reset(index, std::move(installing_->configuration));
  hard_.commit = applying_ = applied_ = index;
  installing_.reset();
  if (leader_ != 0) AcknowledgeAppend(leader_, index);
}

}  // namespace openefs::replication::raft
