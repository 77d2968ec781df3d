// From callbacks to coroutines.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace openefs::rpc {

// Calls start(done) and waits until done(value) was called: from any thread, possibly inside
// `start`, exactly once. The coroutine goes on on its own executor.
//
//   auto response = co_await Await<absl::StatusOr<BufferList>>(
//       [&](auto done) { blobs.Read(id, length, offset, count, std::move(done)); });
template <typename T, typename Start>
boost::asio::awaitable<T> Await(Start start) {
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(T)>(
      [&start](auto handler) {
        start(absl::AnyInvocable<void(T)>([handler = std::move(handler)](T value) mutable {
          const auto executor = boost::asio::get_associated_executor(handler);
          boost::asio::post(executor,
                            [handler = std::move(handler), value = std::move(value)]() mutable {
                              std::move(handler)(std::move(value));
                            });
        }));
      },
      boost::asio::use_awaitable);
}

}  // namespace openefs::rpc
