#include "common/timers.h"

#include <algorithm>
#include <thread>

#include "common/clock.h"

namespace openefs {

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
  // A millisecond more, because the clock's own fraction is cut off.
  const int64_t now_ms = SystemClock::Get()->MonotonicMs();
  const int64_t due = delay_ms <= 0 ? now_ms : now_ms + delay_ms + 1;
  MutexLock lock(mu_);
  const TimerId id = next_id_++;
  const auto added = tasks_.try_emplace({due, id}, std::move(task)).first;
  times_.emplace(id, due);
  if (added == tasks_.begin()) changed_.Signal();
  return id;
}

bool Timers::Cancel(TimerId id) {
  Task task;  // destroyed after the lock is given back: it may own anything
  MutexLock lock(mu_);
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
      MutexLock lock(mu_);
      while (true) {
        const int64_t now_ms = SystemClock::Get()->MonotonicMs();
        if (tasks_.empty()) {
          changed_.Wait(mu_);
        } else if (tasks_.begin()->first.first > now_ms) {
          changed_.WaitForMs(mu_, tasks_.begin()->first.first - now_ms);
        } else {
          break;
        }
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
