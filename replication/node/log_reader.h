// LogReader: the thread that reads old entries from disk for followers that are far behind, so that
// neither the event loop nor the log writer waits for it.
#pragma once

#include <deque>
#include <thread>

#include "common/ids.h"
#include "common/mutex.h"
#include "replication/log/log_store.h"
#include "replication/node/inbox.h"

namespace openefs::replication {

class LogReader {
 public:
  LogReader(const LogStore* store, Inbox* inbox) : store_(store), inbox_(inbox) {}
  ~LogReader() { Stop(); }

  void Start();
  void Stop();

  // The answer comes to the inbox; without entries if they could not be read. The core asks for one
  // read per follower at a time, which bounds the queue.
  void Submit(GroupId group, raft::Ready::LogRead read);

 private:
  struct Task {
    GroupId group = 0;
    raft::Ready::LogRead read;
  };
  void Run();
  bool Take(Task& task);

  const LogStore* const store_;
  Inbox* const inbox_;
  const raft::FlightLimits limits_;

  Mutex mu_;
  CondVar work_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace openefs::replication
