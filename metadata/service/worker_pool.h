// A few threads for work that may wait for the disk.
#pragma once

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/mutex.h"

namespace openefs::metadata {

class WorkerPool {
 public:
  // Called once: with true by a thread of the pool, or with false by a caller whose Submit failed,
  // so that whatever waits for the job hears of it.
  using Job = absl::AnyInvocable<void(bool run)>;

  WorkerPool(int threads, size_t max_queued);
  ~WorkerPool() { Stop(); }

  // False: the queue is full, or the pool has stopped; the job was not taken. Any thread.
  [[nodiscard]] bool Submit(Job& job);

  // For a pool of no threads, whose owner has them all (a simulator): runs the oldest job on the
  // calling thread. False: there is none.
  bool RunOne();

  // Runs what is queued and ends the threads. Not from a job.
  void Stop();

  size_t queued() const;

 private:
  void Run();

  const size_t max_queued_;

  mutable Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Job> queue_ ABSL_GUARDED_BY(mu_);

  std::vector<std::thread> threads_;
};

}  // namespace openefs::metadata
