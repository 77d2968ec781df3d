// Virtual time: tasks run in the order of their times, one after the other, on the caller's thread;
// what is due at the same moment runs in the order in which it was asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace openefs::sim {

inline constexpr int64_t kUs = 1'000;  // nanoseconds
inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

class Scheduler {
 public:
  using Task = absl::AnyInvocable<void()>;

  int64_t now_ns() const { return now_ns_; }

  // A time that has passed means now.
  void At(int64_t time_ns, Task task);
  void After(int64_t delay_ns, Task task) { At(now_ns_ + delay_ns, std::move(task)); }

  // Runs the next task; false: there is none.
  bool RunOne();
  // Runs what is due up to `time_ns`, which is then the time.
  void RunUntil(int64_t time_ns);

  // Drops what is left, before that goes which it refers to.
  void Clear() { heap_.clear(); }

  // What happened so far as one number: the times of all tasks, and what was noted. Two runs of a
  // seed must agree in it.
  void Note(uint64_t what);
  uint64_t hash() const { return hash_; }
  uint64_t events() const { return events_; }

 private:
  struct Entry {
    int64_t time_ns;
    uint64_t order;
    Task task;
    // For a heap with the earliest on top.
    bool operator<(const Entry& other) const {
      return time_ns != other.time_ns ? time_ns > other.time_ns : order > other.order;
    }
  };

  int64_t now_ns_ = 0;
  uint64_t next_order_ = 0;
  uint64_t hash_ = 0;
  uint64_t events_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace openefs::sim
