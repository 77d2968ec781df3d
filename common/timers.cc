#include "common/timers.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace openefs {
namespace {

// Monotonic, in the clothes of absl::Time: a wall clock that is set must not fire or hold timers.
absl::Time Now() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Timers& Timers::Get() {
  static auto* timers = new Timers;
  return *timers;
}

Timers::Timers() {
  // Timers live as long as the process, so their thread is never joined; nothing waits for it.
  static auto* thread = new std::thread([this] { Loop(); });
  (void)thread;
}

Timers::TimerId Timers::RunAfter(int64_t delay_ms, Task task) {
  const absl::Time due = Now() + absl::Milliseconds(std::max<int64_t>(delay_ms, 0));
  absl::MutexLock lock(&mu_);
  const TimerId id = next_id_++;
  const auto added = tasks_.try_emplace({due, id}, std::move(task)).first;
  times_.emplace(id, due);
  if (added == tasks_.begin()) changed_.Signal();
  return id;
}

bool Timers::Cancel(TimerId id) {
  Task task;  // destroyed after the lock is given back: it may own anything
  absl::MutexLock lock(&mu_);
  const auto time = times_.find(id);
  if (time == times_.end()) return false;
  const auto found = tasks_.find({time->second, id});
  task = std::move(found->second);
  tasks_.erase(found);
  times_.erase(time);
  return true;
}

void Timers::Loop() {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mu_);
      while (tasks_.empty() || tasks_.begin()->first.first > Now()) {
        const absl::Duration wait =
            tasks_.empty() ? absl::InfiniteDuration() : tasks_.begin()->first.first - Now();
        changed_.WaitWithTimeout(&mu_, wait);
      }
      const auto first = tasks_.begin();
      task = std::move(first->second);
      times_.erase(first->first.second);
      tasks_.erase(first);
    }
    task();
  }
}

}  // namespace openefs
