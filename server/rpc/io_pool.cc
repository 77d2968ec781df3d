#include "server/rpc/io_pool.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "common/turn.h"

namespace openefs::rpc {
namespace {

// What is ready at once shares its writes to other roles. A turn is no longer than this: what it
// defers waits for its end.
constexpr int kTurnHandlers = 64;
constexpr auto kTurnTime = std::chrono::microseconds(200);

// False: the context was stopped.
bool RunTurn(boost::asio::io_context& context) {
  const Turn turn;
  if (context.run_one() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + kTurnTime;
  for (int i = 1; i < kTurnHandlers && context.poll_one() > 0; ++i) {
    if (std::chrono::steady_clock::now() >= end) break;
  }
  return true;
}

}  // namespace

struct IoPool::Impl {
  struct Worker {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work =
        boost::asio::make_work_guard(context);
    std::thread thread;
  };
  std::deque<Worker> workers;
};

IoPool::IoPool(size_t threads) : impl_(std::make_unique<Impl>()) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  for (size_t i = 0; i < threads; ++i) {
    Impl::Worker& worker = impl_->workers.emplace_back();
    worker.thread = std::thread([&worker] {
      while (RunTurn(worker.context)) {
      }
    });
  }
}

IoPool::~IoPool() {
  for (Impl::Worker& worker : impl_->workers) {
    worker.work.reset();
    worker.context.stop();
  }
  for (Impl::Worker& worker : impl_->workers) worker.thread.join();
}

size_t IoPool::size() const { return impl_->workers.size(); }

boost::asio::io_context& IoPool::at(size_t index) { return impl_->workers[index].context; }

}  // namespace openefs::rpc
