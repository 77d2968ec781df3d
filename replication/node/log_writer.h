// LogWriter: the thread that makes writes durable. All that queued up while it waited for the disk,
// of all groups, goes into one write and one fdatasync.
#pragma once

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/ids.h"
#include "common/metrics/metrics.h"
#include "common/mutex.h"
#include "replication/log/log_store.h"
#include "replication/node/inbox.h"
#include "replication/node/outbox.h"

namespace openefs::replication {

struct WriteTask {
  GroupWrite write;
  uint64_t write_id = 0;  // 0: nothing to acknowledge
  bool has_write = false;
  uint64_t reset_index = 0;  // not 0: the write is a reset to this index, which is acknowledged so
  // Called by the writer once the write is durable; not at all if that fails.
  absl::AnyInvocable<void()> on_durable;
  // Sent once this and every earlier write is durable, straight from the writer: a follower's
  // acknowledgement saves a hop.
  std::vector<pb::RaftMessage> messages_after;
};

class LogWriter {
 public:
  LogWriter(LogStore* store, Inbox* inbox, Outbox outbox, NodeId node);
  ~LogWriter() { Stop(); }

  void Start();
  // What is queued is not written any more.
  void Stop();

  void Submit(std::vector<WriteTask> tasks);

 private:
  void Run();
  std::vector<WriteTask> Take();
  bool WriteAll(std::vector<WriteTask>& tasks);
  void Acknowledge(std::vector<WriteTask> tasks);

  // Constant.
  LogStore* const store_;
  Inbox* const inbox_;
  metrics::Counter& fsyncs_;
  metrics::LatencyHistogram& fsync_latency_;
  metrics::Counter& entries_;

  // Writer thread only.
  Outbox outbox_;

  Mutex mu_;
  CondVar work_;
  std::deque<WriteTask> queue_ ABSL_GUARDED_BY(mu_);
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace openefs::replication
