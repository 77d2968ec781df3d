#include "tests/sim/kernel/scheduler.h"

#include <algorithm>
#include <utility>

#include "tests/sim/kernel/random.h"

namespace openefs::sim {

void Scheduler::At(int64_t time_ns, Task task) {
  heap_.push_back({std::max(time_ns, now_ns_), next_order_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end());
}

bool Scheduler::RunOne() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end());
  Entry entry = std::move(heap_.back());
  heap_.pop_back();
  now_ns_ = entry.time_ns;
  ++events_;
  Note(static_cast<uint64_t>(now_ns_));
  entry.task();
  return true;
}

void Scheduler::RunUntil(int64_t time_ns) {
  while (!heap_.empty() && heap_.front().time_ns <= time_ns) RunOne();
  now_ns_ = std::max(now_ns_, time_ns);
}

void Scheduler::Note(uint64_t what) { hash_ = Mix(hash_ ^ what); }

}  // namespace openefs::sim
