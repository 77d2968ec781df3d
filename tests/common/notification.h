// What tests wait with. absl's own hide their synchronization from ThreadSanitizer
// (common/mutex.h).
#pragma once

#include "absl/base/thread_annotations.h"
#include "common/mutex.h"

namespace openefs {

// Released once `count` calls of Done have come.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void Done() {
    MutexLock lock(mu_);
    if (--left_ <= 0) changed_.SignalAll();
  }
  void Wait() {
    MutexLock lock(mu_);
    while (left_ > 0) changed_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int left_ ABSL_GUARDED_BY(mu_);
};

class Notification {
 public:
  void Notify() { countdown_.Done(); }
  void Wait() { countdown_.Wait(); }

 private:
  Countdown countdown_{1};
};

}  // namespace openefs
