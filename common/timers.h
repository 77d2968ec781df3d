// Things to do later, on one thread of the process that does nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "common/mutex.h"

namespace openefs {

class Timers {
 public:
  using Task = absl::AnyInvocable<void()>;
  using TimerId = uint64_t;

  // The process's timers. The thread lives until the process ends.
  static Timers& Get();

  // Runs `task` once, not before delay_ms from now (0: as soon as the thread is free). Tasks run
  // one after the other in the order of their times, and must not block. Any thread.
  TimerId RunAfter(int64_t delay_ms, Task task);

  // True: `id` will not run, its task is destroyed. False: it ran, runs now, or never was. Any
  // thread.
  bool Cancel(TimerId id);

 private:
  Timers();
  void Loop();

  Mutex mu_;
  CondVar changed_;
  TimerId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<std::pair<int64_t, TimerId>, Task> tasks_ ABSL_GUARDED_BY(mu_);
  std::map<TimerId, int64_t> times_ ABSL_GUARDED_BY(mu_);  // monotonic milliseconds
};

}  // namespace openefs
