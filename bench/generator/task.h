// Task<T>: a coroutine that starts when it is awaited and resumes its awaiter, on the same thread,
// when it ends. The generator's own instead of Asio's awaitable because a load generator must cost
// less than what it loads (one frame, one pointer, no executor per call), and because files that
// only describe load then compile without Asio.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace openefs::bench {

template <typename T>
class Task;

namespace internal {

struct PromiseBase {
  struct Final {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().awaiter;
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }  // errors are values

  std::coroutine_handle<> awaiter = std::noop_coroutine();
};

template <typename T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }
  T Take() { return *std::move(value); }

  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void Take() {}
};

}  // namespace internal

// To be awaited once. Whoever holds it keeps the coroutine's frame; it must not be destroyed
// between its start and its end.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  Handle await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().Take(); }

 private:
  Handle handle_;
};

namespace internal {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

inline Detached RunDetached(Task<void> task, absl::AnyInvocable<void()> done) {
  co_await std::move(task);
  if (done) done();
}

}  // namespace internal

// Starts a task that nobody awaits, on the calling thread; `done` is called when it ends. What it
// waits for must come: a task that is never resumed is never freed.
inline void Spawn(Task<void> task, absl::AnyInvocable<void()> done = {}) {
  internal::RunDetached(std::move(task), std::move(done));
}

// Runs all of them at once on the calling thread; ready when the last has ended.
class [[nodiscard]] JoinAll {
 public:
  explicit JoinAll(std::vector<Task<void>> tasks) : tasks_(std::move(tasks)) {}

  bool await_ready() const noexcept { return tasks_.empty(); }
  void await_suspend(std::coroutine_handle<> awaiter) {
    left_ = tasks_.size() + 1;
    awaiter_ = awaiter;
    // The frame of the awaiter, and this with it, may go with the last Ended().
    std::vector<Task<void>> tasks = std::move(tasks_);
    for (Task<void>& task : tasks) Spawn(std::move(task), [this] { Ended(); });
    Ended();
  }
  void await_resume() {}

 private:
  void Ended() {
    if (--left_ == 0) awaiter_.resume();
  }

  std::vector<Task<void>> tasks_;
  size_t left_ = 0;
  std::coroutine_handle<> awaiter_;
};

}  // namespace openefs::bench
