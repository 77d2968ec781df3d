// RPC connections against peers that are slow, wrong or hostile.
#include "server/rpc/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "server/rpc/await.h"
#include "tests/server/support/rpc_client.h"

namespace openefs::rpc {
namespace {

using openefs::testing::BytesOf;
using openefs::testing::RpcClient;

constexpr uint32_t kProgram = 7;
constexpr uint32_t kVersion = 3;
constexpr uint32_t kEcho = 1;     // answers its arguments
constexpr uint32_t kHold = 2;     // answers when released
constexpr uint32_t kInflate = 3;  // answers a MiB
constexpr uint32_t kThrow = 4;

class TestProgram final : public Program {
 public:
  uint32_t number() const override { return kProgram; }
  uint32_t version() const override { return kVersion; }

  boost::asio::awaitable<Results> Run(Call call) override {
    switch (call.procedure) {
      case kEcho:
        co_return Answer({call.arguments});
      case kHold:
        co_await Await<bool>([this](auto done) {
          MutexLock lock(mu_);
          held_.push_back(std::move(done));
        });
        co_return Answer({call.arguments});
      case kInflate:
        co_return Answer({Buffer::FromString(std::string(1 << 20, 'x'))});
      case kThrow:
        throw std::bad_alloc();
      default:
        co_return Results{AcceptStatus::kProcedureUnavailable};
    }
  }

  size_t held() {
    MutexLock lock(mu_);
    return held_.size();
  }
  void Release() {
    std::vector<absl::AnyInvocable<void(bool)>> held;
    {
      MutexLock lock(mu_);
      held.swap(held_);
    }
    for (auto& each : held) each(true);
  }

 private:
  static Results Answer(BufferList body) {
    return {AcceptStatus::kSuccess, std::make_shared<const BufferList>(std::move(body))};
  }

  Mutex mu_;
  std::vector<absl::AnyInvocable<void(bool)>> held_ ABSL_GUARDED_BY(mu_);
};

template <typename Condition>
void WaitFor(const Condition& condition) {
  bool holds = condition();
  for (int i = 0; i < 10'000 && !holds; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    holds = condition();
  }
  REQUIRE(holds);
}

struct TestServer {
  explicit TestServer(ConnectionLimits limits = {}, size_t max_connections = 100,
                      size_t max_held_bytes = size_t{256} << 20)
      : TestServer(OptionsWith(limits, max_connections, max_held_bytes)) {}

  explicit TestServer(ServerOptions options) {
    options.addresses = {"127.0.0.1"};
    server = std::make_unique<TcpServer>(options, &io, SystemClock::Get());
    REQUIRE(server->Listen().ok());
    server->Serve(&program);
  }
  ~TestServer() {
    server->Stop(0);
    program.Release();
    server = nullptr;
  }

  static ServerOptions OptionsWith(ConnectionLimits limits, size_t max_connections,
                                   size_t max_held_bytes) {
    ServerOptions options;
    options.max_held_bytes = max_held_bytes;
    options.limits = limits;
    options.max_connections = max_connections;
    return options;
  }

  RpcClient Connect() const { return RpcClient(server->port()); }

  IoPool io{2};
  TestProgram program;
  std::unique_ptr<TcpServer> server;
};

// The words of a reply behind the xid.
std::vector<uint32_t> Words(const std::optional<std::string>& record) {
  REQUIRE(record.has_value());
  std::vector<uint32_t> words;
  xdr::Reader reader(Buffer::Copy(*record));
  reader.U32();
  while (reader.remaining() >= 4) words.push_back(reader.U32());
  return words;
}

std::vector<uint32_t> Ask(RpcClient& client, uint32_t program, uint32_t version,
                          uint32_t procedure) {
  REQUIRE(client.SendRecord(client.Call(program, version, procedure, "")));
  return Words(client.ReceiveRecord());
}

bool Echoes(RpcClient& client, const std::string& text = "12345678") {
  if (!client.SendRecord(client.Call(kProgram, kVersion, kEcho, text))) return false;
  const auto record = client.ReceiveRecord();
  return record.has_value() && record->substr(kReplyHeaderBytes) == text;
}

TEST_CASE("calls to what is there and what is not") {
  TestServer test;
  RpcClient client(test.server->port());
  using W = std::vector<uint32_t>;
  CHECK(Ask(client, kProgram, kVersion, 0) == W{1, 0, 0, 0, 0});
  CHECK(Ask(client, 400123, 1, 1) == W{1, 0, 0, 0, 1});  // efs-utils asks for this
  CHECK(Ask(client, kProgram, 2, 0) == W{1, 0, 0, 0, 2, kVersion, kVersion});
  CHECK(Ask(client, kProgram, kVersion, 99) == W{1, 0, 0, 0, 3});
  CHECK(Ask(client, kProgram, kVersion, kThrow) == W{1, 0, 0, 0, 5});
  CHECK(Echoes(client));
  CHECK(Echoes(client, std::string(1 << 20, 'y')));
}

TEST_CASE("a record in fragments, byte by byte") {
  TestServer test;
  RpcClient client(test.server->port());
  const std::string call = client.Call(kProgram, kVersion, kEcho, "data");
  for (size_t i = 0; i < call.size(); ++i) {
    const bool last = i + 1 == call.size();
    const std::string mark = {last ? '\x80' : '\0', '\0', '\0', '\1'};
    REQUIRE(client.SendBytes(mark + call[i]));
  }
  CHECK(client.ReceiveRecord()->substr(kReplyHeaderBytes) == "data");
}

TEST_CASE("what makes no sense closes its connection and no other") {
  TestServer test;
  RpcClient bystander(test.server->port());
  const auto closes = [&](std::string_view bytes) {
    RpcClient client(test.server->port());
    client.SendBytes(bytes);
    return client.PeerCloses();
  };
  using namespace std::string_view_literals;
  CHECK(closes("\x80\0\0\0"sv));                            // an empty record
  CHECK(closes("\xff\xff\xff\xff"sv));                      // 2 GiB
  CHECK(closes("\x80\x11\0\1"sv));                          // one more than the largest
  CHECK(closes("\x80\0\0\4abcd"sv));                        // no header
  CHECK(closes("\x80\0\0\x0c\0\0\0\1\0\0\0\1\0\0\0\2"sv));  // a reply
  CHECK(closes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"sv));
  CHECK(closes("\x16\3\1\2\0\1\0\1\xfc\3\3"sv));  // TLS
  CHECK(Echoes(bystander));
}

TEST_CASE("replies come as they are ready") {
  TestServer test;
  RpcClient client(test.server->port());
  REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, "slow")));
  CHECK(Echoes(client, "fast"));
  WaitFor([&] { return test.program.held() == 1; });
  test.program.Release();
  CHECK(client.ReceiveRecord()->substr(kReplyHeaderBytes) == "slow");
}

TEST_CASE("no more requests are taken than may be in flight") {
  ConnectionLimits limits;
  const bool by_count = GENERATE(true, false);
  if (by_count) {
    limits.max_requests = 3;
  } else {
    limits.max_request_bytes = 3000;
  }
  TestServer test(limits);
  RpcClient client(test.server->port());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, std::string(1000, 'x'))));
  }
  for (size_t left = 10; left > 0;) {
    const size_t batch = std::min<size_t>(3, left);
    WaitFor([&] { return test.program.held() >= batch; });
    CHECK(test.program.held() == batch);
    test.program.Release();
    for (size_t i = 0; i < batch; ++i) REQUIRE(client.ReceiveRecord().has_value());
    left -= batch;
  }
}

TEST_CASE("all connections together hold only so much") {
  constexpr size_t kClients = 20;
  constexpr size_t kAtOnce =
      4 + 1;  // by the estimate of 64 KiB each; two threads may begin at once
  TestServer test({}, 100, size_t{4} * (64 << 10));
  std::vector<std::unique_ptr<RpcClient>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RpcClient>(test.server->port()));
    RpcClient& client = *clients.back();
    REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, "12345678")));
  }
  size_t released = 0;
  while (released < kClients) {
    WaitFor([&] { return test.program.held() >= std::min<size_t>(4, kClients - released); });
    const size_t held = test.program.held();
    CHECK(held <= kAtOnce);
    test.program.Release();
    released += held;
  }
  for (auto& client : clients) CHECK(client->ReceiveRecord().has_value());
}

TEST_CASE("half a record that holds everybody up ends in time, and a whole one is taken") {
  ConnectionLimits limits;
  limits.record_timeout_ms = 2'000;
  TestServer test(limits, 100, 128 << 10);
  RpcClient finishes(test.server->port());
  RpcClient hogs(test.server->port());
  RpcClient waits(test.server->port());
  const std::string large = finishes.Call(kProgram, kVersion, kEcho, std::string(150'000, 'x'));
  const std::string mark("\x80\x02", 2);
  const auto begin = [&](RpcClient& client) {
    const auto size = static_cast<uint32_t>(large.size());
    return client.SendBytes(mark + static_cast<char>(size >> 8) + static_cast<char>(size) +
                            large.substr(0, 50'000));
  };
  REQUIRE(large.size() >> 16 == 2);
  REQUIRE(begin(finishes));
  REQUIRE(finishes.SendBytes(large.substr(50'000)));
  CHECK(finishes.ReceiveRecord().has_value());
  REQUIRE(begin(hogs));
  REQUIRE(waits.SendRecord(waits.Call(kProgram, kVersion, kEcho, "12345678")));
  CHECK(hogs.PeerCloses());
  CHECK(waits.ReceiveRecord().has_value());
}

TEST_CASE("a client that does not take its replies is cut off") {
  ConnectionLimits limits;
  limits.max_reply_bytes = 8 << 20;
  TestServer test(limits);
  RpcClient client(test.server->port());
  // Kernel buffers take a few MiB; then the server's own queue fills.
  for (int i = 0; i < 100; ++i) {
    if (!client.SendRecord(client.Call(kProgram, kVersion, kInflate, ""))) break;
  }
  CHECK(client.PeerCloses());
}

TEST_CASE("half a record, a silent connection and an idle one are closed in time") {
  ConnectionLimits limits;
  limits.record_timeout_ms = 50;
  limits.first_record_timeout_ms = 50;
  limits.idle_timeout_ms = 50;
  TestServer test(limits);
  RpcClient silent(test.server->port());
  RpcClient idle(test.server->port());
  RpcClient half(test.server->port());
  CHECK(Echoes(idle));
  CHECK(Echoes(half));
  REQUIRE(
      half.SendBytes(std::string_view("\x80\0\0\x64"
                                      "begin",
                                      9)));
  CHECK(silent.PeerCloses());
  CHECK(idle.PeerCloses());
  CHECK(half.PeerCloses());
}

TEST_CASE("a request under way is no idle connection") {
  ConnectionLimits limits;
  limits.idle_timeout_ms = 50;
  TestServer test(limits);
  RpcClient client(test.server->port());
  REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, "slow")));
  WaitFor([&] { return test.program.held() == 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(2200));  // two sweeps
  test.program.Release();
  CHECK(client.ReceiveRecord().has_value());
}

TEST_CASE("who has said all still hears the answers") {
  TestServer test;
  RpcClient client(test.server->port());
  REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, "slow")));
  client.CloseSending();
  WaitFor([&] { return test.program.held() == 1; });
  test.program.Release();
  CHECK(client.ReceiveRecord().has_value());
  CHECK(client.PeerCloses());
}

TEST_CASE("one connection too many is closed at once") {
  TestServer test({}, 3);
  std::vector<std::unique_ptr<RpcClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RpcClient>(test.server->port()));
    CHECK(Echoes(*clients.back()));
  }
  RpcClient fourth(test.server->port());
  CHECK(fourth.PeerCloses());
  clients.pop_back();
  WaitFor([&] {
    RpcClient next(test.server->port());
    return Echoes(next);
  });
}

TEST_CASE("stopping lets requests under way end") {
  TestServer test;
  RpcClient busy(test.server->port());
  RpcClient quiet(test.server->port());
  CHECK(Echoes(quiet));
  REQUIRE(busy.SendRecord(busy.Call(kProgram, kVersion, kHold, "slow")));
  WaitFor([&] { return test.program.held() == 1; });
  std::thread stopper([&] { test.server->Stop(10'000); });
  CHECK(quiet.PeerCloses());
  test.program.Release();
  CHECK(busy.ReceiveRecord().has_value());
  CHECK(busy.PeerCloses());
  stopper.join();
}

TEST_CASE("a connection dropped with requests under way leaves nothing behind") {
  TestServer test;
  for (int i = 0; i < 20; ++i) {
    RpcClient client(test.server->port());
    REQUIRE(client.SendRecord(client.Call(kProgram, kVersion, kHold, "slow")));
  }
  WaitFor([&] { return test.program.held() == 20; });
  test.program.Release();
  RpcClient client(test.server->port());
  CHECK(Echoes(client));
}

TEST_CASE("addresses that cannot be used") {
  IoPool io(1);
  const auto listen = [&io](const std::string& address, uint16_t port) {
    ServerOptions options;
    options.addresses = {address};
    options.port = port;
    TcpServer server(options, &io, SystemClock::Get());
    return server.Listen();
  };
  TestServer taken;
  const absl::Status status = listen("127.0.0.1", taken.server->port());
  CHECK(std::string(status.message()) ==
        "cannot listen on 127.0.0.1:" + std::to_string(taken.server->port()) +
            ": Address already in use");
  CHECK(listen("localhost", 0).message() == "not an IP address: localhost");
  CHECK_FALSE(listen("192.0.2.1", 0).ok());
}

std::string CongestionControlOf(int socket) {
  char name[16] = {};  // TCP_CA_NAME_MAX
  socklen_t size = sizeof(name);
  return ::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 ? name : "";
}

// Of this process's connected sockets whose own port is this one: a server's ends.
std::vector<std::string> CongestionControlsAt(uint16_t port) {
  std::vector<std::string> names;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in own{};
    sockaddr_in peer{};
    socklen_t own_size = sizeof(own);
    socklen_t peer_size = sizeof(peer);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) continue;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) continue;
    if (ntohs(own.sin_port) == port) names.push_back(CongestionControlOf(fd));
  }
  return names;
}

std::string SystemCongestionControl() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string name = CongestionControlOf(socket);
  ::close(socket);
  return name;
}

TEST_CASE("connections have the congestion control that was asked for") {
  const std::string system = SystemCongestionControl();
  REQUIRE(!system.empty());
  const auto with = [](const std::string& name) {
    ServerOptions options;
    if (!name.empty()) options.congestion_control = name;
    TestServer test(options);
    RpcClient client = test.Connect();
    REQUIRE(Echoes(client));
    return CongestionControlsAt(test.server->port());
  };
  CHECK(with("reno") == std::vector<std::string>{"reno"});  // every kernel has it
  CHECK(with("") == std::vector{system});
  CHECK(with("system") == std::vector{system});
  CHECK(with("no-such-thing") == std::vector{system});
}

}  // namespace
}  // namespace openefs::rpc
