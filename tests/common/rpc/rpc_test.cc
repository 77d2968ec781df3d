#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"
#include "common/turn.h"
#include "tests/common/notification.h"
#include "tests/common/rpc/raw_stream.h"

namespace openefs::rpc {
namespace {

// Borrowed numbers: what the methods mean is up to the handlers below.
constexpr Method kEcho = Method::kPutFragment;
constexpr Method kSlow = Method::kGetFragment;  // keeps its replies until told
constexpr Method kNote = Method::kRaftMessages;
constexpr Method kFail = Method::kMetadataStatus;
constexpr Method kForget = Method::kListFragments;  // drops its reply

constexpr int64_t kLongMs = 60'000;  // a call that must not time out

std::string Join(const BufferList& pieces) {
  std::string all;
  for (const Buffer& piece : pieces) all += piece.view();
  return all;
}

// A server and what its handlers remember.
class Peer {
 public:
  explicit Peer(const std::string& address = "127.0.0.1:0") {
    server_->Register(kEcho, [](Message request, ReplyCallback reply) {
      reply(Message{request.header, std::move(request.payload)});
    });
    server_->Register(kSlow, [this](Message, ReplyCallback reply) {
      {
        MutexLock lock(mu_);
        if (!closing_) {
          kept_.push_back(std::move(reply));
          changed_.SignalAll();
          return;
        }
      }
      reply(Message{});  // it came too late for ReleaseAll, and Stop waits for it
    });
    server_->Register(kNote, [this](Message request, const ReplyCallback&) {
      MutexLock lock(mu_);
      notes_.push_back(request.header);
      changed_.SignalAll();
    });
    server_->Register(kFail, [](Message, ReplyCallback reply) {
      reply(absl::FailedPreconditionError("not today"));
    });
    server_->Register(kForget, [](Message, const ReplyCallback&) {});
    const absl::Status started = server_->Start(address);
    INFO(started.ToString());
    REQUIRE(started.ok());
  }
  ~Peer() {
    {
      MutexLock lock(mu_);
      closing_ = true;
    }
    ReleaseAll();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  Server& server() { return *server_; }

  void WaitForKept(size_t count) {
    MutexLock lock(mu_);
    while (kept_.size() < count) changed_.Wait(mu_);
  }
  void ReleaseAll() {
    std::vector<ReplyCallback> kept;
    {
      MutexLock lock(mu_);
      kept.swap(kept_);
    }
    for (ReplyCallback& reply : kept) reply(Message{});
  }
  std::vector<std::string> WaitForNotes(size_t count) {
    MutexLock lock(mu_);
    while (notes_.size() < count) changed_.Wait(mu_);
    return notes_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<ReplyCallback> kept_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Server> server_ = MakeServer();  // stops before the rest goes
};

absl::StatusOr<Message> CallAndWait(Channel& channel, Method method, Message request,
                                    int64_t timeout_ms = kLongMs) {
  Notification replied;
  absl::StatusOr<Message> result;
  channel.Call(method, std::move(request), timeout_ms, [&](absl::StatusOr<Message> reply) {
    result = std::move(reply);
    replied.Notify();
  });
  replied.Wait();
  return result;
}

// Calls until the peer answers. Ends the test by ctest's time limit otherwise.
void WaitUntilUsable(Channel& channel) {
  while (!CallAndWait(channel, kEcho, {"up?", {}}, 1'000).ok()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

TEST_CASE("rpc: calls made in one turn of a thread go out at its end, at the latest") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  WaitUntilUsable(*channel);
  constexpr size_t kCalls = 3;
  std::atomic<size_t> replies{0};
  Notification all;
  {
    const Turn turn;
    for (size_t i = 0; i < kCalls; ++i) {
      channel->Call(kEcho, {"a", {}}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
        CHECK(reply.ok());
        if (++replies == kCalls) all.Notify();
      });
    }
    channel->Send(kNote, {"b", {}});
  }
  all.Wait();
  CHECK(peer.WaitForNotes(1) == std::vector<std::string>{"b"});
}

TEST_CASE("rpc: what was sent comes back") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  SeededRandom random(3);
  for (const size_t size : {0, 1, 1023, 1024, 65'536, 1 << 20, 2 << 20}) {
    const std::string header = random.Bytes(size / 4);
    const std::string bytes = random.Bytes(size);
    BufferList payload;
    const Buffer whole = Buffer::Copy(bytes);
    for (size_t at = 0; at < size; at += 300'000) payload.push_back(whole.Slice(at, 300'000));
    const auto reply = CallAndWait(*channel, kEcho, {header, payload});
    REQUIRE(reply.ok());
    CHECK(reply->header == header);
    CHECK((Join(reply->payload) == bytes));
  }
}

TEST_CASE("rpc: errors of handlers arrive with code and text") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  const auto failed = CallAndWait(*channel, kFail, {});
  CHECK(failed.status() == absl::FailedPreconditionError("not today"));
  CHECK(absl::IsUnimplemented(CallAndWait(*channel, Method::kDataNodeStatus, {}).status()));
  CHECK(absl::IsUnimplemented(CallAndWait(*channel, static_cast<Method>(~0u), {}).status()));
  CHECK(absl::IsInternal(CallAndWait(*channel, kForget, {}).status()));
}

TEST_CASE("rpc: a thousand calls at once each get their own reply") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  constexpr int kThreads = 4, kCalls = 250;
  Countdown left(kThreads * kCalls);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const std::string id = std::to_string(t * kCalls + i);
        channel->Call(kEcho, {id, {Buffer::Copy(std::string(i * 7, 'p'))}}, kLongMs,
                      [&, id, i](const absl::StatusOr<Message>& reply) {
                        right += reply.ok() && reply->header == id &&
                                 TotalBytes(reply->payload) == static_cast<size_t>(i) * 7;
                        left.Done();
                      });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  left.Wait();
  CHECK(right == kThreads * kCalls);
}

TEST_CASE("rpc: a call without a reply times out and a late reply is ignored") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  CHECK(absl::IsDeadlineExceeded(CallAndWait(*channel, kSlow, {}, 30).status()));
  CHECK(absl::IsDeadlineExceeded(CallAndWait(*channel, kSlow, {}, 1).status()));
  peer.WaitForKept(2);
  peer.ReleaseAll();
  CHECK(CallAndWait(*channel, kEcho, {"still fine", {}})->header == "still fine");
}

TEST_CASE("rpc: the shortest timeout ends first") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  Mutex mu;
  std::vector<int> order;
  Countdown left(3);
  for (const int timeout_ms : {150, 100, 50}) {
    channel->Call(kSlow, {}, timeout_ms, [&, timeout_ms](const absl::StatusOr<Message>&) {
      MutexLock lock(mu);
      order.push_back(timeout_ms);
      left.Done();
    });
  }
  left.Wait();
  CHECK(order == std::vector<int>{50, 100, 150});
}

TEST_CASE("rpc: one-way messages arrive in order") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  channel->Send(kNote, {"dropped or first, there may be no connection yet", {}});
  WaitUntilUsable(*channel);
  const size_t before = 500;
  for (size_t i = 0; i < before; ++i) channel->Send(kNote, {std::to_string(i), {}});
  channel->Send(static_cast<Method>(999), {"unknown: ignored", {}});
  auto notes = peer.WaitForNotes(before);
  if (notes.front().starts_with("dropped")) notes = peer.WaitForNotes(before + 1);
  notes.erase(notes.begin(), notes.end() - before);
  bool in_order = true;
  for (size_t i = 0; i < before; ++i) in_order = in_order && notes[i] == std::to_string(i);
  CHECK(in_order);
}

TEST_CASE("rpc: without a peer calls end soon, unsent") {
  std::string address;
  {
    Peer gone;
    address = gone.address();
  }
  const auto channel = MakeChannel(address);
  for (int i = 0; i < 3; ++i) {
    const auto failed = CallAndWait(*channel, kEcho, {});
    CHECK(absl::IsUnavailable(failed.status()));
    CHECK(WasNotSent(failed.status()));
  }
  channel->Send(kNote, {"nobody hears", {}});
}

TEST_CASE("rpc: a new channel waits for a peer that is about to start") {
  std::string address;
  {
    Peer first;
    address = first.address();
  }
  const auto channel = MakeChannel(address);
  Notification replied;
  absl::Status status;
  channel->Call(kEcho, {}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
    status = reply.status();
    replied.Notify();
  });
  Peer late(address);
  replied.Wait();
  CHECK(status.ok());
}

TEST_CASE("rpc: calls survive the restart of a peer on the same port") {
  auto peer = std::make_unique<Peer>();
  const std::string address = peer->address();
  const auto channel = MakeChannel(address);
  for (int round = 0; round < 3; ++round) {
    WaitUntilUsable(*channel);
    peer.reset();
    CHECK(absl::IsUnavailable(CallAndWait(*channel, kEcho, {}).status()));
    peer = std::make_unique<Peer>(address);
  }
  const int64_t start_ms = SystemClock::Get()->MonotonicMs();
  WaitUntilUsable(*channel);
  WARN("usable again after " << SystemClock::Get()->MonotonicMs() - start_ms << " ms");
}

TEST_CASE("rpc: more calls than the limit are refused at once") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  WaitUntilUsable(*channel);
  Countdown left(kMaxCallsInFlight);
  for (size_t i = 0; i < kMaxCallsInFlight; ++i) {
    channel->Call(kSlow, {}, kLongMs, [&](const absl::StatusOr<Message>&) { left.Done(); });
  }
  const auto refused = CallAndWait(*channel, kEcho, {});
  CHECK(absl::IsResourceExhausted(refused.status()));
  CHECK(WasNotSent(refused.status()));
  peer.WaitForKept(kMaxCallsInFlight);
  peer.ReleaseAll();
  left.Wait();
  CHECK(CallAndWait(*channel, kEcho, {}).ok());
}

TEST_CASE("rpc: more bytes than the limit are refused at once") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  WaitUntilUsable(*channel);
  // The same bytes again and again: they are shared, not copied, so this is cheap.
  const Buffer piece = Buffer::FromString(std::string(32 << 20, 'x'));
  Countdown left(7);
  for (int i = 0; i < 7; ++i) {
    channel->Call(kSlow, {"", {piece}}, kLongMs,
                  [&](const absl::StatusOr<Message>&) { left.Done(); });
  }
  CHECK(absl::IsResourceExhausted(CallAndWait(*channel, kEcho, {"", {piece}}).status()));
  CHECK(
      absl::IsInvalidArgument(CallAndWait(*channel, kEcho, {"", {piece, piece, piece}}).status()));
  channel->Send(kNote, {"", {piece, piece, piece}});  // dropped
  peer.WaitForKept(7);
  peer.ReleaseAll();
  left.Wait();
}

TEST_CASE("rpc: a reply that is too large is an error, not a broken stream") {
  auto server = MakeServer();
  server->Register(kEcho, [](Message, ReplyCallback reply) {
    const Buffer piece = Buffer::FromString(std::string(32 << 20, 'x'));
    reply(Message{"", {piece, piece}});
  });
  REQUIRE(server->Start("127.0.0.1:0").ok());
  const auto channel = MakeChannel("127.0.0.1:" + std::to_string(server->port()));
  CHECK(absl::IsInternal(CallAndWait(*channel, kEcho, {}).status()));
}

TEST_CASE("rpc: destroying a channel ends its calls once, before it is gone") {
  Peer peer;
  auto channel = MakeChannel(peer.address());
  WaitUntilUsable(*channel);
  constexpr int kCalls = 500;
  std::vector<std::atomic<int>> ended(kCalls);
  std::atomic<int> other_codes{0};
  for (int i = 0; i < kCalls; ++i) {
    channel->Call(i % 2 == 0 ? kSlow : kEcho, {}, kLongMs,
                  [&ended, &other_codes, i](const absl::StatusOr<Message>& reply) {
                    ++ended[i];
                    other_codes += !reply.ok() && !absl::IsCancelled(reply.status());
                  });
  }
  channel.reset();
  for (const std::atomic<int>& times : ended) REQUIRE(times == 1);
  CHECK(other_codes == 0);
}

TEST_CASE("rpc: a channel that never connected can be destroyed with calls under way") {
  auto channel = MakeChannel("127.0.0.1:1");
  int ended = 0;
  for (int i = 0; i < 10; ++i) {
    channel->Call(kEcho, {}, kLongMs, [&](const absl::StatusOr<Message>&) { ++ended; });
  }
  channel.reset();
  CHECK(ended == 10);
}

TEST_CASE("rpc: a callback may destroy its own channel") {
  Peer peer;
  auto channel = MakeChannel(peer.address());
  Countdown left(2);
  channel->Call(kSlow, {}, kLongMs, [&](const absl::StatusOr<Message>&) { left.Done(); });
  channel->Call(kEcho, {}, kLongMs, [&](const absl::StatusOr<Message>&) {
    channel.reset();
    left.Done();
  });
  left.Wait();
}

TEST_CASE("rpc: channels come and go under load") {
  Peer peer;
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  constexpr int kThreads = 3, kRounds = 10, kCalls = 20;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const auto channel = MakeChannel(peer.address());
        for (int i = 0; i < kCalls; ++i) {
          channel->Call(kEcho, {"x", {Buffer::Copy(std::string(5000, 'y'))}}, 1 + i * 10,
                        [&](const absl::StatusOr<Message>&) { ++ended; });
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ended == kThreads * kRounds * kCalls);
}

TEST_CASE("rpc: stopping a server waits for its handlers and not for its clients") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  Notification replied;
  absl::Status status = absl::UnknownError("no reply");
  channel->Call(kSlow, {}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
    status = reply.status();
    replied.Notify();
  });
  peer.WaitForKept(1);
  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    peer.ReleaseAll();
  });
  peer.server().Stop();
  release.join();
  replied.Wait();
  CHECK(status.ok());
  CHECK(absl::IsUnavailable(CallAndWait(*channel, kEcho, {}).status()));
  peer.server().Stop();  // again: nothing to do
}

TEST_CASE("rpc: a server stops while clients call without end") {
  auto peer = std::make_unique<Peer>();
  const auto channel = MakeChannel(peer->address());
  WaitUntilUsable(*channel);
  std::atomic<bool> go{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (go) {
        (void)CallAndWait(*channel, kEcho, {"", {Buffer::Copy(std::string(3000, 'z'))}});
      }
    });
  }
  peer->server().Stop();
  go = false;
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("rpc: an address in use or unusable is one clear error") {
  Peer peer;
  for (const std::string& address : {peer.address(), std::string("192.0.2.1:1"),
                                     std::string("not an address"), std::string("")}) {
    const absl::Status status = MakeServer()->Start(address);
    CHECK(absl::IsUnavailable(status));
    CHECK(std::string(status.message()).find(address) != std::string::npos);
  }
}

TEST_CASE("rpc: a server takes no harm from hostile bytes") {
  Peer peer;
  const auto channel = MakeChannel(peer.address());
  SeededRandom random(5);
  for (const std::string& bytes :
       {std::string("x"), std::string(100, '\xff'), random.Bytes(5000), std::string(24, '\0')}) {
    CHECK(SendRaw(peer.address(), bytes) == absl::StatusCode::kInvalidArgument);
  }
  CHECK(SendRaw(peer.address(), "x", "/openefs.Roles/Other") == absl::StatusCode::kUnimplemented);
  CHECK(CallAndWait(*channel, kEcho, {"fine", {}})->header == "fine");
}

}  // namespace openefs::rpc
