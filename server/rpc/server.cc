#include "server/rpc/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/log.h"
#include "common/metrics/metrics.h"
#include "common/mutex.h"

namespace openefs::rpc {
namespace {

using boost::asio::awaitable;
using boost::asio::ip::tcp;
constexpr auto kUseTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

// Connections that the kernel accepts for us while we are busy.
constexpr int kBacklog = 4096;

// How long accepting pauses when the process has no descriptor left: one request may end by then.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// How often connections' time limits are looked at.
constexpr auto kSweepInterval = std::chrono::seconds(1);

std::atomic<uint64_t> next_connection_id{1};

// Of a listening socket, whose connections have it from their first byte: one that begins under an
// algorithm that paces (BBR) goes on being paced, with a timer for every 64 KiB, whatever it is
// given later.
void SetCongestionControl(tcp::acceptor& acceptor, const std::string& name) {
  if (name == kSystemCongestionControl) return;
  const auto length = static_cast<socklen_t>(name.size());
  if (::setsockopt(acceptor.native_handle(), IPPROTO_TCP, TCP_CONGESTION, name.data(), length) ==
      0) {
    return;
  }
  Log(LogLevel::kWarning, "server.congestion_control_unavailable",
      {{"name", name}, {"error", std::strerror(errno)}});
}

}  // namespace

struct TcpServer::Impl : std::enable_shared_from_this<TcpServer::Impl> {
  // Connections of one io thread; used on it only.
  struct Shard {
    explicit Shard(boost::asio::io_context& io) : context(io), sweep(io) {}
    boost::asio::io_context& context;
    boost::asio::steady_timer sweep;
    absl::flat_hash_map<uint64_t, std::weak_ptr<Connection>> connections;
    bool stopping = false;
  };
  struct Listener {
    Listener(Shard& home) : acceptor(home.context), pause(home.context) {}
    tcp::acceptor acceptor;
    boost::asio::steady_timer pause;
  };

  Impl(ServerOptions o, IoPool* io, const Clock* clock)
      : options(std::move(o)),
        budget(options.max_held_bytes),
        environment{nullptr, options.limits, [clock] { return clock->MonotonicMs(); }, &budget} {
    for (size_t i = 0; i < io->size(); ++i) shards.emplace_back(io->at(i));
  }

  absl::Status ListenOn(const std::string& address, uint16_t at_port);
  awaitable<void> AcceptLoop(Listener& listener);
  void Adopt(Shard& shard, tcp::socket socket);
  awaitable<void> SweepLoop(Shard& shard);
  // Runs `work` on the shard's thread and waits for it.
  template <typename Work>
  void RunOn(Shard& shard, Work work);
  bool WaitUntilGone(int64_t timeout_ms);

  void Began() {
    MutexLock lock(mu);
    ++alive;
  }
  void Ended() {
    MutexLock lock(mu);
    if (--alive == 0) ended.SignalAll();
  }

  // Constant once it serves.
  const ServerOptions options;
  ByteBudget budget;
  ConnectionEnvironment environment;
  std::deque<Shard> shards;
  std::deque<Listener> listeners;
  uint16_t port = 0;
  metrics::Gauge& open_connections =
      metrics::GetGauge("openefs_rpc_connections", "Connections of RPC clients");
  metrics::Counter& refused = metrics::GetCounter("openefs_rpc_connections_refused_total",
                                                  "Connections closed because there are too many");

  std::atomic<size_t> next_shard{0};
  std::atomic<size_t> connections{0};
  std::atomic<bool> stopped{false};

  // Loops and connections that still use this.
  Mutex mu;
  CondVar ended;
  size_t alive ABSL_GUARDED_BY(mu) = 0;
};

absl::Status TcpServer::Impl::ListenOn(const std::string& address, uint16_t at_port) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address, error);
  if (error) return absl::InvalidArgumentError("not an IP address: " + address);
  const tcp::endpoint endpoint(ip, at_port);
  Listener& listener = listeners.emplace_back(shards[listeners.size() % shards.size()]);
  tcp::acceptor& acceptor = listener.acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) SetCongestionControl(acceptor, options.congestion_control);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) {
    return absl::UnavailableError("cannot listen on " + address + ":" + std::to_string(at_port) +
                                  ": " + error.message());
  }
  return absl::OkStatus();
}

awaitable<void> TcpServer::Impl::AcceptLoop(Listener& listener) {
  while (!stopped) {
    Shard& shard = shards[next_shard++ % shards.size()];
    auto [error, socket] = co_await listener.acceptor.async_accept(shard.context, kUseTuple);
    if (stopped) break;
    if (error == boost::asio::error::no_descriptors || error == boost::asio::error::no_memory ||
        error == boost::asio::error::no_buffer_space || error.value() == ENFILE) {
      Log(LogLevel::kWarning, "server.accept_paused", {{"error", error.message()}});
      listener.pause.expires_after(kAcceptPause);
      co_await listener.pause.async_wait(kUseTuple);
    } else if (!error && connections >= options.max_connections) {
      refused.Add();  // the socket closes itself
    } else if (!error) {
      Adopt(shard, std::move(socket));
    }
  }
}

void TcpServer::Impl::Adopt(Shard& shard, tcp::socket socket) {
  ++connections;
  open_connections.Add(1);
  Began();
  const uint64_t id = next_connection_id++;
  // Counted from here to the destructor, wherever that runs. The deleter lasts as long as the weak
  // pointer in the shard, so it must not go on holding this.
  auto self = shared_from_this();
  std::shared_ptr<Connection> connection(new Connection(std::move(socket), environment, id),
                                         [held = self](Connection* gone) mutable {
                                           const auto impl = std::move(held);
                                           delete gone;
                                           --impl->connections;
                                           impl->open_connections.Add(-1);
                                           impl->Ended();
                                         });
  boost::asio::post(shard.context, [self, &shard, id, connection = std::move(connection)] {
    if (shard.stopping) return connection->Close();
    shard.connections.emplace(id, connection);
    connection->Start();
  });
}

awaitable<void> TcpServer::Impl::SweepLoop(Shard& shard) {
  while (!shard.stopping) {
    shard.sweep.expires_after(kSweepInterval);
    co_await shard.sweep.async_wait(kUseTuple);
    absl::erase_if(shard.connections, [](const auto& entry) {
      const std::shared_ptr<Connection> connection = entry.second.lock();
      if (connection != nullptr) connection->CheckTimeouts();
      return connection == nullptr;
    });
  }
}

template <typename Work>
void TcpServer::Impl::RunOn(Shard& shard, Work work) {
  Began();
  boost::asio::post(shard.context, [self = shared_from_this(), &shard, work] {
    work(shard);
    self->Ended();
  });
}

bool TcpServer::Impl::WaitUntilGone(int64_t timeout_ms) {
  const int64_t deadline = environment.now_ms() + timeout_ms;
  MutexLock lock(mu);
  while (alive > 0) {
    const int64_t left = deadline - environment.now_ms();
    if (left <= 0) return false;
    ended.WaitForMs(mu, left);
  }
  return true;
}

TcpServer::TcpServer(ServerOptions options, IoPool* io, const Clock* clock)
    : impl_(std::make_shared<Impl>(std::move(options), io, clock)) {}

TcpServer::~TcpServer() {
  Stop(0);
  MutexLock lock(impl_->mu);
  while (impl_->alive > 0) impl_->ended.Wait(impl_->mu);
}

absl::Status TcpServer::Listen() {
  impl_->port = impl_->options.port;
  for (const std::string& address : impl_->options.addresses) {
    const absl::Status status = impl_->ListenOn(address, impl_->port);
    if (!status.ok()) return status;
    impl_->port = impl_->listeners.back().acceptor.local_endpoint().port();
  }
  return absl::OkStatus();
}

void TcpServer::Serve(Program* program) {
  impl_->environment.program = program;
  const auto spawn = [this](boost::asio::io_context& context, auto loop) {
    impl_->Began();
    boost::asio::co_spawn(context, std::move(loop),
                          [self = impl_](std::exception_ptr) { self->Ended(); });
  };
  for (auto& listener : impl_->listeners) {
    auto& context =
        static_cast<boost::asio::io_context&>(listener.acceptor.get_executor().context());
    spawn(context, [self = impl_, &listener] { return self->AcceptLoop(listener); });
  }
  for (auto& shard : impl_->shards) {
    spawn(shard.context, [self = impl_, &shard] { return self->SweepLoop(shard); });
  }
}

void TcpServer::Stop(int64_t grace_ms) {
  impl_->stopped = true;
  for (auto& listener : impl_->listeners) {
    impl_->Began();
    boost::asio::post(listener.acceptor.get_executor(), [self = impl_, &listener] {
      boost::system::error_code ignored;  // it is closed one way or the other
      listener.acceptor.close(ignored);
      listener.pause.cancel();
      self->Ended();
    });
  }
  const auto each = [this](auto work) {
    for (auto& shard : impl_->shards) impl_->RunOn(shard, work);
  };
  each([](Impl::Shard& shard) {
    shard.stopping = true;
    shard.sweep.cancel();
    for (auto& [id, weak] : shard.connections) {
      if (auto connection = weak.lock()) connection->Drain();
    }
  });
  if (impl_->WaitUntilGone(grace_ms)) return;
  each([](Impl::Shard& shard) {
    for (auto& [id, weak] : shard.connections) {
      if (auto connection = weak.lock()) connection->Close();
    }
  });
}

uint16_t TcpServer::port() const { return impl_->port; }

}  // namespace openefs::rpc
