// The one thread that changes a data node: takes everything that waits, writes it in one go, syncs
// once, brings the index up to date and then answers all of it (group commit).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "common/buffer.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "datastore/node/file.h"
#include "datastore/node/index.h"
#include "datastore/node/node_metrics.h"
#include "datastore/node/recovery.h"
#include "datastore/node/segment_set.h"

namespace openefs::datastore {

struct PutWork {
  FragmentId id;
  BufferList bytes;
  BlockCrcs crcs;
};
struct DeleteWork {
  std::vector<FragmentId> ids;
};
// Compaction: the same fragment again at the end of the log, if it is still where it was.
struct MoveWork {
  StoredRecord from;
  IndexEntry entry;
  Buffer bytes;
};
struct MoveTombstoneWork {
  StoredRecord from;
};
// A block of the fragment did not match; it may be replaced from now on.
struct MarkCorruptWork {
  FragmentId id;
  Location at;
};
using Work = std::variant<PutWork, DeleteWork, MoveWork, MoveTombstoneWork, MarkCorruptWork>;

struct LogWriterOptions {
  std::string directory;  // of the segment files
  std::string store_id;
  uint64_t segment_bytes = 0;
  uint64_t reserve_bytes = 0;
};

class LogWriter {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  LogWriter(LogWriterOptions options, FileSystem* files, Index* index, SegmentSet* segments,
            const Recovered& recovered, NodeMetrics* metrics);
  ~LogWriter();  // finishes what was submitted

  // `done` runs once, on the writer's thread, or inside the call if nothing can be queued:
  // UNAVAILABLE when too much waits, INTERNAL once the disk has failed. Any thread.
  void Submit(Work work, Done done);

  bool failing() const { return failing_; }
  uint64_t active_segment() const { return active_id_; }

 private:
  struct Item {
    Work work;
    uint64_t bytes;  // of log, at most
    Done done;
    absl::Status result;
  };

  void Run();
  std::vector<Item> Take();
  void Commit(std::vector<Item>& items);
  absl::Status MakeRoom(uint64_t bytes);
  absl::Status Roll();
  void Preallocate(uint64_t end);
  absl::Status Append(std::vector<iovec> pieces, uint64_t bytes);
  absl::Status Fail(const absl::Status& why);

  // Constant.
  const LogWriterOptions options_;
  FileSystem* const files_;
  Index* const index_;
  SegmentSet* const segments_;
  NodeMetrics* const metrics_;

  // Writer thread only.
  std::shared_ptr<Segment> active_;
  uint64_t tail_;
  uint64_t allocated_;  // size of the active file

  std::atomic<bool> failing_{false};
  std::atomic<uint64_t> active_id_;

  Mutex mu_;
  CondVar work_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  uint64_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace openefs::datastore
