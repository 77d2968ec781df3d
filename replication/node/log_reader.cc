#include "replication/node/log_reader.h"

#include <string>
#include <utility>

#include "common/log.h"

namespace openefs::replication {

void LogReader::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LogReader::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.Signal();
  if (thread_.joinable()) thread_.join();
}

void LogReader::Submit(GroupId group, raft::Ready::LogRead read) {
  {
    MutexLock lock(mu_);
    queue_.push_back({group, read});
  }
  work_.Signal();
}

bool LogReader::Take(Task& task) {
  MutexLock lock(mu_);
  while (queue_.empty() && !stop_) work_.Wait(mu_);
  if (stop_) return false;
  task = queue_.front();
  queue_.pop_front();
  return true;
}

void LogReader::Run() {
  Task task;
  while (Take(task)) {
    auto entries = store_->Read(task.group, task.read.low, limits_.max_append_entries,
                                limits_.max_append_bytes);
    if (!entries.ok()) {
      Log(LogLevel::kWarning, "raft.log_read_failed",
          {{"group", task.group}, {"error", std::string(entries.status().message())}});
      // A record that cannot be read was acknowledged once: the log may lack others too, and would
      // be missed by the next start. Until then this replica has forgotten nothing.
      if (absl::IsDataLoss(entries.status())) {
        inbox_->AddFailure({task.group, entries.status(), true, true});
      }
      entries = std::vector<raft::Entry>();
    }
    inbox_->AddRead({task.group, task.read, *std::move(entries)});
  }
}

}  // namespace openefs::replication
