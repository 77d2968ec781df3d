// A few threads for work that may wait for a disk.
#pragma once

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/mutex.h"

namespace openefs::datastore {

class WorkerPool {
 public:
  using Job = absl::AnyInvocable<void()>;

  WorkerPool(int threads, size_t max_queued);
  ~WorkerPool();  // runs what was submitted

  // False: too much waits, nothing was taken. Any thread.
  [[nodiscard]] bool Submit(Job& job);

 private:
  void Run();

  const size_t max_queued_;
  Mutex mu_;
  CondVar work_;
  std::deque<Job> queue_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace openefs::datastore
