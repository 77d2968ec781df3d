// ApplierPool: the threads that all appliers of a node share. An applier with work waits in line;
// a thread takes it, does one turn of its work, and puts it back at the end if there is more. So
// one group is never on two threads, its tasks keep their order, and a group with much to apply, or
// whose state machine flushes, holds up no more than its own thread.
#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/mutex.h"

namespace openefs::replication {

class Applier;

class ApplierPool {
 public:
  explicit ApplierPool(size_t threads) : size_(threads) {}
  ~ApplierPool() { Stop(); }

  void Start();
  // Appliers that still wait in line are not run any more: stop them first.
  void Stop();

  // Any thread. An applier waits in line once at most.
  void Schedule(Applier* applier);

 private:
  void Run();
  Applier* Take();

  const size_t size_;

  Mutex mu_;
  CondVar work_;
  std::deque<Applier*> line_ ABSL_GUARDED_BY(mu_);
  size_t sleeping_ ABSL_GUARDED_BY(mu_) = 0;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace openefs::replication
