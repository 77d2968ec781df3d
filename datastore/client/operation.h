// What all operations of a blob client share: the cluster map of the moment, timers, and a way to
// be woken when something changed.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "datastore/client/admission.h"
#include "datastore/client/blob_client.h"
#include "datastore/client/placement.h"

namespace openefs::datastore {

// An operation is a state machine: whatever happens (an answer, a timer, a new map), it looks at
// where it stands and does what is to be done next. Held by the callbacks it waits for.
class Operation : public std::enable_shared_from_this<Operation> {
 public:
  virtual ~Operation() = default;
  // Looks again. Any thread; callers hold no locks.
  virtual void Wake() = 0;
};

// Blobs being written hold their bytes and their parity. Enough for 256 writes of the largest size
// under way at once; beyond it they wait for each other, and beyond twice it they are refused.
inline constexpr uint64_t kMaxWriteBytes = 256u << 20;
inline constexpr uint64_t kMaxWaitingWriteBytes = 256u << 20;

// Repairs that reads start of themselves. A few at a time: they are no hurry, and where everything
// is corrupt they must not crowd out the reads.
inline constexpr int kMaxExtra = 4;

// What operations know of their client.
class ClientContext {
 public:
  explicit ClientContext(BlobClientOptions options) : options(options) {}

  std::shared_ptr<const Placement> placement() const;  // null: no map yet
  void SetPlacement(std::shared_ptr<const Placement> placement);

  // From Begin to End an operation is woken by every change of the map and keeps the client from
  // going away.
  void Begin(const std::shared_ptr<Operation>& operation);
  void End(Operation* operation);

  // For work that nobody waits for: false if there is enough of it already. Pair with EndExtra.
  bool BeginExtra();
  void EndExtra();

  // Wakes the operation after `ms`, if it still lives.
  void WakeAfter(int64_t ms, const std::shared_ptr<Operation>& operation);

  // The client goes: operations give up what only time would bring.
  bool stopping() const;
  // Wakes all operations with stopping() set and no nodes to go on with, and waits until each has
  // ended.
  void StopAndWait();

  const BlobClientOptions options;
  Admission writes{kMaxWriteBytes, kMaxWaitingWriteBytes};

 private:
  void WakeAll();

  mutable Mutex mu_;
  CondVar ended_;
  std::shared_ptr<const Placement> placement_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<Operation*, std::shared_ptr<Operation>> running_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int extra_ ABSL_GUARDED_BY(mu_) = 0;
};

// What deadlines are counted in.
inline int64_t NowMs() { return SystemClock::Get()->MonotonicMs(); }

// The wait before the next try of something that failed `attempts` times in a row: short at first,
// because most failures are a reconnect; never so long that a node which is back waits noticeably.
inline int64_t BackoffMs(int attempts) {
  constexpr int64_t kFirstMs = 20;
  constexpr int64_t kMaxMs = 1000;
  return attempts >= 6 ? kMaxMs : kFirstMs << attempts;
}

}  // namespace openefs::datastore
