#include "replication/node/log_writer.h"

#include <string>
#include <utility>

#include "common/clock.h"
#include "common/log.h"

namespace openefs::replication {
namespace {

// One write: more than this gains nothing per fdatasync and delays acknowledging its beginning.
constexpr size_t kMaxWriteBytes = size_t{8} << 20;

metrics::Labels NodeLabel(NodeId node) { return {{"node", std::to_string(node)}}; }

size_t EntryBytes(const WriteTask& task) {
  size_t bytes = 0;
  for (const raft::Entry& entry : task.write.entries) bytes += entry.bytes();
  return bytes;
}

}  // namespace

LogWriter::LogWriter(LogStore* store, Inbox* inbox, Outbox outbox, NodeId node)
    : store_(store),
      inbox_(inbox),
      fsyncs_(metrics::GetCounter("openefs_raft_log_fsyncs_total", "Syncs of the shared Raft log.",
                                  NodeLabel(node))),
      fsync_latency_(metrics::GetLatency("openefs_raft_log_write_seconds",
                                         "Write and sync of one batch of the shared Raft log.",
                                         NodeLabel(node))),
      entries_(metrics::GetCounter("openefs_raft_log_entries_total",
                                   "Entries written to the shared Raft log.", NodeLabel(node))),
      outbox_(std::move(outbox)) {}

void LogWriter::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LogWriter::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.Signal();
  if (thread_.joinable()) thread_.join();
}

void LogWriter::Submit(std::vector<WriteTask> tasks) {
  if (tasks.empty()) return;
  bool wake;
  {
    MutexLock lock(mu_);
    for (WriteTask& task : tasks) queue_.push_back(std::move(task));
    wake = std::exchange(waiting_, false);
  }
  if (wake) work_.Signal();
}

std::vector<WriteTask> LogWriter::Take() {
  MutexLock lock(mu_);
  while (queue_.empty() && !stop_) {
    waiting_ = true;
    work_.Wait(mu_);
  }
  waiting_ = false;
  std::vector<WriteTask> tasks;
  size_t bytes = 0;
  while (!stop_ && !queue_.empty() && bytes < kMaxWriteBytes) {
    bytes += EntryBytes(queue_.front());
    tasks.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return tasks;
}

void LogWriter::Run() {
  bool healthy = true;
  while (true) {
    std::vector<WriteTask> tasks = Take();
    if (tasks.empty()) return;
    if (healthy) healthy = WriteAll(tasks);
    if (healthy) Acknowledge(std::move(tasks));
  }
}

bool LogWriter::WriteAll(std::vector<WriteTask>& tasks) {
  std::vector<GroupWrite> writes;
  size_t entries = 0;
  for (WriteTask& task : tasks) {
    if (!task.has_write) continue;
    entries += task.write.entries.size();
    const GroupId group = task.write.group;
    writes.push_back(std::move(task.write));
    task.write.group = group;
  }
  if (writes.empty()) return true;
  const int64_t begin = SystemClock::Get()->MonotonicNs();
  const absl::Status status = store_->Write(writes);
  fsync_latency_.ObserveNs(SystemClock::Get()->MonotonicNs() - begin);
  fsyncs_.Add();
  entries_.Add(entries);
  if (status.ok()) return true;
  Log(LogLevel::kError, "raft.log_failed",
      {{"error", std::string(status.message())},
       {"effect", "this node acknowledges nothing more until it is restarted"}});
  inbox_->AddLogFailure(status);
  return false;
}

void LogWriter::Acknowledge(std::vector<WriteTask> tasks) {
  std::vector<PersistedWrite> persisted;
  for (WriteTask& task : tasks) {
    for (pb::RaftMessage& message : task.messages_after) outbox_.Add(std::move(message));
    if (task.reset_index != 0) {
      SnapshotNews news;
      news.group = task.write.group;
      news.kind = SnapshotNews::Kind::kLogReset;
      news.meta.index = task.reset_index;
      inbox_->AddSnapshotNews(std::move(news));
    }
    if (task.on_durable) task.on_durable();
    if (task.write_id != 0) persisted.push_back({task.write.group, task.write_id});
  }
  outbox_.Send();
  if (!persisted.empty()) inbox_->AddPersisted(std::move(persisted));
}

}  // namespace openefs::replication
