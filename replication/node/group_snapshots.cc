#include "replication/node/group_snapshots.h"

#include <algorithm>
#include <limits>

#include "common/check.h"
#include "common/log.h"

namespace openefs::replication {

GroupSnapshots::GroupSnapshots(GroupId group, Options options, raft::Raft* core, Applier* applier)
    : group_(group),
      options_(std::move(options)),
      paths_(options_.log_directory, group),
      core_(core),
      applier_(applier) {}

void GroupSnapshots::SubmitInstall(SnapshotTask::Kind kind) {
  ApplyTask task;
  task.snapshot = SnapshotTask{kind, paths_, 0, 0, installing_->index, options_.fault};
  applier_->Submit(std::move(task));
}

GroupSnapshots::Sending* GroupSnapshots::Find(const SnapshotNews& news) {
  const auto found = sending_.find(news.follower);
  const bool same = found != sending_.end() && found->second.term == news.leader_term;
  return same && !*found->second.cancelled ? &found->second : nullptr;
}

void GroupSnapshots::Want(const raft::Ready::SnapshotRequest& request) {
  const auto found = sending_.find(request.follower);
  if (found != sending_.end()) *found->second.cancelled = true;
  Sending sending;
  sending.term = request.term;
  sending_.insert_or_assign(request.follower, std::move(sending));
  wanted_.push_back(request.follower);
}

bool GroupSnapshots::Checkpoint(NodeId follower) {
  const auto found = sending_.find(follower);
  if (found == sending_.end()) return false;
  Sending& sending = found->second;
  if (!core_->leads() || core_->term() != sending.term || *sending.cancelled) return false;
  sending.pinned = true;
  sending.keep_after = applier_->applied_index();
  ApplyTask task;
  task.snapshot = SnapshotTask{
      SnapshotTask::Kind::kCheckpoint, paths_, follower, sending.term, 0, options_.fault};
  applier_->Submit(std::move(task));
  return true;
}

std::optional<SnapshotJob> GroupSnapshots::OnCheckpoint(const SnapshotNews& news) {
  Sending* const found = Find(news);
  if (found == nullptr) return std::nullopt;
  Sending& sending = *found;
  auto meta = core_->SnapshotAt(news.meta.index);
  if (!news.status.ok() || !meta.has_value()) {
    Log(LogLevel::kWarning, "raft.snapshot_not_made",
        {{"group", group_}, {"error", std::string(news.status.message())}});
    Fail(sending);
    return std::nullopt;
  }
  sending.keep_after = meta->index;
  return SnapshotJob{group_,
                     news.follower,
                     sending.term,
                     *std::move(meta),
                     paths_.Outgoing(news.follower),
                     sending.cancelled};
}

void GroupSnapshots::OnSent(const SnapshotNews& news) {
  Sending* const sending = Find(news);
  if (sending == nullptr) return;
  if (news.meta.index == 0) return Fail(*sending);
  sending->sent = true;
  core_->OnSnapshotSent(news.follower, news.meta.index);
}

// The core would ask again at once.
void GroupSnapshots::Tick() {
  std::vector<NodeId> due;
  for (auto& [follower, sending] : sending_) {
    if (sending.retry_in > 0 && --sending.retry_in == 0) due.push_back(follower);
  }
  for (const NodeId follower : due) {
    sending_.erase(follower);
    core_->OnSnapshotSent(follower, 0);
  }
}

uint64_t GroupSnapshots::KeepFrom() const {
  uint64_t keep = std::numeric_limits<uint64_t>::max();
  for (const auto& [follower, sending] : sending_) {
    if (sending.pinned && sending.retry_in == 0) keep = std::min(keep, sending.keep_after + 1);
  }
  return keep;
}

bool GroupSnapshots::StillInstalling(NodeId follower, const Sending& sending) const {
  const auto progress = core_->progress().find(follower);
  return progress != core_->progress().end() && progress->second.match() < sending.keep_after;
}

bool GroupSnapshots::OnReceived(const raft::SnapshotMeta& meta) {
  return core_->InstallSnapshot(meta);
}

void GroupSnapshots::Install(const raft::SnapshotMeta& meta) {
  OPENEFS_CHECK(!installing_.has_value());
  installing_ = meta;
  SubmitInstall(SnapshotTask::Kind::kInstall);
}

void GroupSnapshots::OnInstalled() {
  OPENEFS_CHECK(installing_.has_value());
  reset_due_ = true;
}

void GroupSnapshots::OnLogReset() {
  OPENEFS_CHECK(installing_.has_value());
  if (options_.fault && !options_.fault(SnapshotStep::kLogReset).ok()) return;
  SubmitInstall(SnapshotTask::Kind::kFinish);
}

uint64_t GroupSnapshots::OnFinished() {
  OPENEFS_CHECK(installing_.has_value());
  const uint64_t index = installing_->index;
  Log(LogLevel::kInfo, "raft.snapshot_installed",
      {{"group", group_}, {"index", index}, {"term", installing_->term}});
  installing_.reset();
  core_->OnSnapshotInstalled(index);
  return index;
}

void GroupSnapshots::Cancel() {
  for (auto& [follower, sending] : sending_) *sending.cancelled = true;
}

void GroupSnapshots::Process(std::vector<WriteTask>& writes) {
  std::erase_if(sending_, [&](const auto& item) {
    const auto& [follower, sending] = item;
    const bool over = !core_->leads() || core_->term() != sending.term ||
                      (sending.sent && !StillInstalling(follower, sending));
    if (over) *sending.cancelled = true;
    return over;
  });
  if (!std::exchange(reset_due_, false)) return;
  WriteTask task;
  task.write.group = group_;
  task.write.reset = *installing_;
  task.has_write = true;
  task.reset_index = installing_->index;
  writes.push_back(std::move(task));
}

}  // namespace openefs::replication
