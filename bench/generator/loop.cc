#include "bench/generator/loop.h"

#include <pthread.h>
#include <time.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "common/check.h"
#include "common/clock.h"

namespace openefs::bench {

int64_t NowNs() { return SystemClock::Get()->MonotonicNs(); }

struct Loop::Impl {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
      boost::asio::make_work_guard(context);
  std::thread thread;
  clockid_t cpu_clock = 0;
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([this] { impl_->context.run(); });
  OPENEFS_CHECK(pthread_getcpuclockid(impl_->thread.native_handle(), &impl_->cpu_clock) == 0);
}

Loop::~Loop() { Join(); }

void Loop::Join() {
  if (!impl_->thread.joinable()) return;
  impl_->work.reset();
  impl_->thread.join();
}

int64_t Loop::CpuNs() const {
  timespec used = {};
  if (clock_gettime(impl_->cpu_clock, &used) != 0) return 0;
  return used.tv_sec * int64_t{1'000'000'000} + used.tv_nsec;
}

void Loop::Post(absl::AnyInvocable<void()> function) {
  boost::asio::post(impl_->context,
                    [function = std::move(function)]() mutable { std::move(function)(); });
}

boost::asio::io_context& Loop::context() { return impl_->context; }

void Loop::ResumeAt(int64_t at_ns, std::coroutine_handle<> awaiter) {
  const std::chrono::steady_clock::time_point at{std::chrono::nanoseconds(at_ns)};
  auto timer = std::make_unique<boost::asio::steady_timer>(impl_->context, at);
  boost::asio::steady_timer& waiting = *timer;
  waiting.async_wait(
      [timer = std::move(timer), awaiter](const boost::system::error_code&) { awaiter.resume(); });
}

}  // namespace openefs::bench
