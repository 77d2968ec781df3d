#include "replication/node/applier.h"

#include <algorithm>
#include <string>

#include "common/check.h"
#include "common/log.h"

namespace openefs::replication {
namespace {

// One Apply: large batches save the state machine writes, very large ones delay the first answers,
// and nobody sees how far a backlog has come.
constexpr size_t kMaxApplyEntries = 512;

}  // namespace

Applier::Applier(GroupId group, StateMachine* machine, Inbox* inbox)
    : group_(group), machine_(machine), inbox_(inbox), applied_(machine->AppliedIndex()) {}

void Applier::Start(ApplierPool* pool) {
  MutexLock lock(mu_);
  pool_ = pool;
  in_line_ = !queue_.empty();
  if (in_line_) pool_->Schedule(this);
}

void Applier::Stop() {
  std::deque<ApplyTask> left;
  {
    MutexLock lock(mu_);
    stop_ = true;
    while (in_line_) out_of_line_.Wait(mu_);
    left.swap(queue_);
  }
  for (ApplyTask& task : left) Drop(task);
}

void Applier::Submit(ApplyTask task) {
  ++submitted_;
  MutexLock lock(mu_);
  queue_.push_back(std::move(task));
  if (pool_ == nullptr || in_line_ || stop_) return;
  in_line_ = true;
  pool_->Schedule(this);
}

std::vector<ApplyTask> Applier::Take() {
  MutexLock lock(mu_);
  std::vector<ApplyTask> tasks;
  size_t entries = 0;
  while (!stop_ && !queue_.empty() && entries < kMaxApplyEntries) {
    entries += queue_.front().items.size();
    tasks.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (tasks.empty()) {
    in_line_ = false;
    out_of_line_.SignalAll();
  }
  return tasks;
}

bool Applier::RunQueued() {
  std::vector<ApplyTask> tasks = Take();
  if (tasks.empty()) return false;  // out of line: Stop may have returned, nothing is left to touch
  const size_t count = tasks.size();
  Carry(std::move(tasks));
  done_.fetch_add(count, std::memory_order_release);
  return true;
}

// Entries of consecutive tasks become one Apply, up to a task that has more to do than entries.
void Applier::Carry(std::vector<ApplyTask> tasks) {
  std::vector<ApplyTask::Item> items;
  for (ApplyTask& task : tasks) {
    if (failed_) {
      Drop(task);
      continue;
    }
    std::move(task.items.begin(), task.items.end(), std::back_inserter(items));
    task.items.clear();
    const bool more = task.leadership != ApplyTask::Leadership::kUnchanged || task.flush ||
                      task.snapshot.has_value() || !task.barriers.empty() || &task == &tasks.back();
    if (!more) continue;
    Apply(std::exchange(items, {}));
    if (failed_) {
      Drop(task);
    } else {
      Finish(task);
    }
  }
}

void Applier::Apply(std::vector<ApplyTask::Item> items) {
  for (size_t first = 0; first < items.size(); first += kMaxApplyEntries) {
    const size_t count = std::min(kMaxApplyEntries, items.size() - first);
    ApplyPiece(absl::MakeSpan(items).subspan(first, count));
  }
}

void Applier::ApplyPiece(absl::Span<ApplyTask::Item> items) {
  std::vector<CommittedEntry> entries;
  entries.reserve(items.size());
  for (ApplyTask::Item& item : items) {
    const raft::Entry& e = item.entry;
    const bool normal = e.kind == raft::EntryKind::kNormal && e.data != nullptr;
    entries.push_back({e.index, e.term, normal ? absl::string_view(*e.data) : absl::string_view(),
                       std::move(item.context)});
  }
  const absl::Status status = failed_ ? absl::UnknownError("failed before") : Feed(entries);
  for (CommittedEntry& entry : entries) {
    if (entry.context == nullptr) continue;
    status.ok() ? entry.context->OnApplied()
                : entry.context->OnDropped(absl::UnknownError("apply failed"));
  }
}

absl::Status Applier::Feed(absl::Span<const CommittedEntry> entries) {
  OPENEFS_CHECK(entries.front().index == applied_index() + 1);
  absl::Status status = machine_->Apply(entries);
  if (status.ok()) {
    applied_.store(entries.back().index, std::memory_order_release);
  } else {
    Fail(status);
  }
  return status;
}

void Applier::Finish(ApplyTask& task) {
  if (task.leadership == ApplyTask::Leadership::kGained) machine_->OnLeader(task.term);
  if (task.leadership == ApplyTask::Leadership::kLost) machine_->OnFollower();
  for (BarrierCallback& done : task.barriers) done(absl::OkStatus());
  if (task.flush) Flush();
  if (task.snapshot.has_value() && !failed_) CarrySnapshot(*task.snapshot);
}

void Applier::Flush() {
  const auto index = machine_->Flush();
  if (!index.ok()) return Fail(index.status());
  OPENEFS_CHECK(*index <= applied_index());
  inbox_->AddFlushed({group_, *index});
}

void Applier::CarrySnapshot(const SnapshotTask& task) {
  SnapshotNews news;
  news.group = group_;
  news.follower = task.follower;
  news.leader_term = task.leader_term;
  news.meta.index = task.index;
  if (task.kind == SnapshotTask::Kind::kCheckpoint) {
    news.kind = SnapshotNews::Kind::kCheckpoint;
    news.status = CarryCheckpoint(task, &news.meta.index);
  } else {
    const bool install = task.kind == SnapshotTask::Kind::kInstall;
    news.kind = install ? SnapshotNews::Kind::kInstalled : SnapshotNews::Kind::kFinished;
    absl::Status status = install ? CarryInstall(task) : FinishInstall(task.paths);
    if (status.ok() && task.fault && !install) status = task.fault(SnapshotStep::kFinished);
    if (!status.ok()) return Fail(std::move(status));
  }
  inbox_->AddSnapshotNews(std::move(news));
}

absl::Status Applier::CarryCheckpoint(const SnapshotTask& task, uint64_t* index) {
  const std::string directory = task.paths.Outgoing(task.follower);
  if (auto status = EnsureSnapshotDirectory(task.paths); !status.ok()) return status;
  if (auto status = RemoveWhole(directory); !status.ok()) return status;
  const auto made = machine_->Checkpoint(directory);
  if (!made.ok()) return made.status();
  OPENEFS_CHECK(*made == applied_index());
  *index = *made;
  inbox_->AddFlushed({group_, *made});
  return absl::OkStatus();
}

// Between the intent and the log's reset the two do not fit; whatever ends this early is made good
// on the next start.
absl::Status Applier::CarryInstall(const SnapshotTask& task) {
  if (auto status = BeginInstall(task.paths); !status.ok()) return status;
  if (task.fault) {
    if (auto status = task.fault(SnapshotStep::kIntent); !status.ok()) return status;
  }
  auto status = InstallInMachine(task.paths, machine_, task.index);
  if (status.ok() && task.fault) status = task.fault(SnapshotStep::kMachine);
  if (status.ok()) applied_.store(task.index, std::memory_order_release);
  return status;
}

void Applier::Drop(ApplyTask& task) {
  for (ApplyTask::Item& item : task.items) {
    if (item.context != nullptr) {
      item.context->OnDropped(absl::UnknownError("committed, but this replica has stopped"));
    }
  }
  for (BarrierCallback& done : task.barriers) {
    done(absl::UnavailableError("this replica has stopped"));
  }
}

void Applier::Fail(absl::Status why) {
  failed_ = true;
  Log(LogLevel::kError, "raft.state_machine_failed",
      {{"group", group_}, {"error", std::string(why.message())}});
  inbox_->AddFailure({group_, std::move(why)});
}

}  // namespace openefs::replication
