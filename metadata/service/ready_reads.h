// Reads that have passed their barrier. Those that pass it in one turn of a thread are served
// together: where they are few, by that thread, from memory; otherwise by workers, some at a time.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/mutex.h"
#include "common/turn.h"
#include "metadata/client/metadata_client.h"
#include "metadata/service/worker_pool.h"

namespace openefs::metadata {

// What the thread of a barrier serves itself in one turn: less than a millisecond, which holds up
// no heartbeat, and cheaper than waking a worker.
inline constexpr size_t kReadsAtOnce = 64;
// A worker's share: enough that waking it costs little, few enough for others to help it.
inline constexpr size_t kReadsPerJob = 16;

class ReadyReads final : public Deferred, public std::enable_shared_from_this<ReadyReads> {
 public:
  struct Read {
    std::unique_ptr<pb::SegmentRequest> request;
    SegmentCallback done;
  };
  // Both answer by one request's content. `at_once` never waits; null: it would have to.
  using Serve = std::function<std::unique_ptr<pb::SegmentResponse>(const pb::SegmentRequest&)>;

  // `workers` outlives the last Add.
  ReadyReads(WorkerPool* workers, Serve at_once, Serve on_worker)
      : workers_(workers), at_once_(std::move(at_once)), on_worker_(std::move(on_worker)) {}

  // Any thread. Answered at the end of the turn, if the thread is in one, or by a worker; with
  // UNAVAILABLE if there are too many.
  void Add(Read read);

  void OnTurnEnd() override;

 private:
  std::vector<Read> Take();
  void Submit(std::vector<Read> reads);

  WorkerPool* const workers_;
  const Serve at_once_;
  const Serve on_worker_;

  Mutex mu_;
  std::vector<Read> waiting_ ABSL_GUARDED_BY(mu_);  // for the end of a turn
};

}  // namespace openefs::metadata
