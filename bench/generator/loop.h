// One thread of the generator with its event loop. Sessions, connections and the tasks that use
// them belong to one loop each and are touched by its thread only, so they need no locks.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"

namespace boost::asio {
class io_context;
}

namespace openefs::bench {

// Nanoseconds of the monotonic clock. Any thread.
int64_t NowNs();

class Loop {
 public:
  Loop();  // starts the thread
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs it on the loop's thread, soon. Any thread.
  void Post(absl::AnyInvocable<void()> function);

  // Lets the thread end once nothing is left to do and waits for that. Everything the loop serves
  // must have been told to stop before.
  void Join();

  // CPU time the thread has used. Any thread, while the loop is there.
  int64_t CpuNs() const;

  // co_await loop.SleepUntil(ns): goes on at that time of NowNs(), at once if it has passed. On the
  // loop's thread.
  struct Sleep {
    Loop* loop;
    int64_t at_ns;
    bool await_ready() const { return at_ns <= NowNs(); }
    void await_suspend(std::coroutine_handle<> awaiter) { loop->ResumeAt(at_ns, awaiter); }
    void await_resume() {}
  };
  Sleep SleepUntil(int64_t at_ns) { return {this, at_ns}; }
  Sleep SleepFor(int64_t ns) { return {this, NowNs() + ns}; }

  boost::asio::io_context& context();

 private:
  void ResumeAt(int64_t at_ns, std::coroutine_handle<> awaiter);

  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace openefs::bench
