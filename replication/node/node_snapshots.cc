#include "replication/node/node_snapshots.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace openefs::replication {

namespace {

// What was sent is no good, so the state machine is what it was, and so is the log.
absl::Status GiveUpIntent(GroupId group, const SnapshotPaths& paths, const absl::Status& why) {
  Log(LogLevel::kError, "raft.snapshot_damaged",
      {{"group", group}, {"error", std::string(why.message())}});
  return FinishInstall(paths);
}

}  // namespace

absl::Status NodeSnapshots::Recover(GroupId group, const std::string& log_directory,
                                    StateMachine* machine, LogStore* store) {
  const SnapshotPaths paths(log_directory, group);
  if (auto status = CleanSnapshotDirectory(paths); !status.ok()) return status;
  std::error_code error;
  if (!std::filesystem::exists(paths.Install(), error)) return absl::OkStatus();
  const auto manifest = ReadManifest(paths.Install());
  if (!manifest.ok()) return manifest.status();
  const raft::SnapshotMeta meta = MetaOf(*manifest);
  if (machine->AppliedIndex() != meta.index) {
    const absl::Status installed = InstallInMachine(paths, machine, meta.index);
    if (absl::IsDataLoss(installed)) return GiveUpIntent(group, paths, installed);
    if (!installed.ok()) return installed;
  }
  const auto log = store->Load(group, meta.index + 1);
  if (!log.ok()) return log.status();
  GroupWrite reset;
  reset.group = group;
  reset.reset = meta;
  // The write that brought the snapshot's term may not have been durable yet.
  if (log->hard_state.term < meta.term) reset.hard_state = {meta.term, 0, meta.index};
  if (auto status = store->Write({&reset, 1}); !status.ok()) return status;
  Log(LogLevel::kInfo, "raft.snapshot_installed",
      {{"group", group}, {"index", meta.index}, {"term", meta.term}, {"after", "a restart"}});
  return FinishInstall(paths);
}

NodeSnapshots::NodeSnapshots(SnapshotSender::Options sender, SnapshotReceiver::Options receiver,
                             SnapshotSender::Call call, Inbox* inbox, const Clock* clock)
    : sender_(std::move(sender), std::move(call), inbox, clock),
      receiver_(std::move(receiver), inbox, clock) {}

void NodeSnapshots::Start() {
  sender_.Start();
  receiver_.Start();
}

void NodeSnapshots::Stop() {
  sender_.Stop();
  receiver_.Stop();
}

void NodeSnapshots::OnArrival(SnapshotArrival arrival, const Group* group) {
  if (group == nullptr) return arrival.reply(absl::NotFoundError("no such group here"));
  if (group->failed()) return arrival.reply(absl::UnavailableError("this replica has stopped"));
  arrival.applied_index = group->applied_index();
  receiver_.Submit(std::move(arrival));
}

void NodeSnapshots::OnNews(const SnapshotNews& news, Group* group) {
  using Kind = SnapshotNews::Kind;
  switch (news.kind) {
    case Kind::kCheckpoint:
      return OnCheckpoint(news, group);
    case Kind::kSent:
      sending_.erase({news.group, news.follower});
      if (!group->failed()) group->snapshots().OnSent(news);
      return;
    case Kind::kReceived:
      if (group->failed() || !group->snapshots().OnReceived(news.meta)) {
        receiver_.Release(news.group);
      }
      return;
    case Kind::kInstalled:
      if (!group->failed()) group->snapshots().OnInstalled();
      return;
    case Kind::kLogReset:
      if (!group->failed()) group->snapshots().OnLogReset();
      return;
    case Kind::kFinished:
      receiver_.Release(news.group);
      if (!group->failed()) group->OnSnapshotInstalled();
      return;
  }
}

void NodeSnapshots::OnCheckpoint(const SnapshotNews& news, Group* group) {
  std::optional<SnapshotJob> job;
  if (!group->failed()) job = group->snapshots().OnCheckpoint(news);
  if (job.has_value()) return sender_.Submit(*std::move(job));
  sending_.erase({news.group, news.follower});  // the next checkpoint removes what is left of this
}

void NodeSnapshots::Collect(Group& group) {
  for (const NodeId follower : group.snapshots().TakeWanted()) {
    const Key key{group.id(), follower};
    const bool waits = std::find(waiting_.begin(), waiting_.end(), key) != waiting_.end();
    if (!waits) waiting_.push_back(key);
  }
}

// One after the other where a follower's last one is still under way.
void NodeSnapshots::Serve(const std::function<Group*(GroupId)>& find) {
  for (size_t i = 0; i < waiting_.size() && sending_.size() < kSnapshotsAtOnce;) {
    const Key key = waiting_[i];
    if (sending_.contains(key)) {
      ++i;
      continue;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    Group* group = find(key.first);
    if (!group->failed() && group->snapshots().Checkpoint(key.second)) sending_.insert(key);
  }
}

}  // namespace openefs::replication
