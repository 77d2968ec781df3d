// Both ends of a stream call each other over it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"
#include "tests/common/notification.h"

namespace openefs::rpc {
namespace {

constexpr Method kJoin = Method::kPeerHello;  // gives the server a way back
constexpr Method kEcho = Method::kPutFragment;
constexpr Method kNote = Method::kRaftMessages;
constexpr Method kKeep = Method::kGetFragment;  // keeps its reply

constexpr int64_t kLongMs = 60'000;

absl::StatusOr<Message> CallAndWait(Caller& peer, Method method, Message request) {
  Notification replied;
  absl::StatusOr<Message> result;
  peer.Call(method, std::move(request), kLongMs, [&](absl::StatusOr<Message> reply) {
    result = std::move(reply);
    replied.Notify();
  });
  replied.Wait();
  return result;
}

// What either end remembers of what it was asked.
class End {
 public:
  void Echo(Message request, ReplyCallback reply) {
    reply(Message{request.header + "!", std::move(request.payload)});
  }
  void Note(const Message& request) {
    MutexLock lock(mu_);
    notes_.push_back(request.header.substr(0, 16));
    changed_.SignalAll();
    while (blocked_) changed_.Wait(mu_);
  }
  void Keep(ReplyCallback reply) {
    MutexLock lock(mu_);
    kept_.push_back(std::move(reply));
    changed_.SignalAll();
  }
  void WaitForKept() {
    MutexLock lock(mu_);
    while (kept_.empty()) changed_.Wait(mu_);
  }
  std::vector<std::string> WaitForNotes(size_t count) {
    MutexLock lock(mu_);
    while (notes_.size() < count) changed_.Wait(mu_);
    return notes_;
  }
  void Block(bool blocked) {
    MutexLock lock(mu_);
    blocked_ = blocked;
    changed_.SignalAll();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool blocked_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mu_);
  std::vector<ReplyCallback> kept_ ABSL_GUARDED_BY(mu_);
};

// A server that calls back whoever has joined, and one client.
class Pair {
 public:
  Pair() {
    server->RegisterWithOrigin(kJoin, [this](const Message&, ReplyCallback reply, Origin& origin) {
      {
        MutexLock lock(mu_);
        back_ = origin.Back();
        stream_ = origin.id();
      }
      reply(Message{});
    });
    server->Register(kNote, [this](const Message& m, const ReplyCallback&) { server_end.Note(m); });
    REQUIRE(server->Start("127.0.0.1:0").ok());
    auto handlers = std::make_shared<Handlers>();
    handlers->emplace(kEcho, [end = client_end](Message m, ReplyCallback reply) {
      end->Echo(std::move(m), std::move(reply));
    });
    handlers->emplace(kNote,
                      [end = client_end](const Message& m, const ReplyCallback&) { end->Note(m); });
    handlers->emplace(kKeep, [end = client_end](const Message&, ReplyCallback reply) {
      end->Keep(std::move(reply));
    });
    channel = MakeChannel("127.0.0.1:" + std::to_string(server->port()), handlers);
    REQUIRE(CallAndWait(*channel, kJoin, {}).ok());
  }
  ~Pair() {
    client_end->Block(false);
    server_end.Block(false);
  }
  std::shared_ptr<Caller> back() {
    MutexLock lock(mu_);
    return back_;
  }
  uint64_t stream() {
    MutexLock lock(mu_);
    return stream_;
  }

  // Handlers of a channel may run for a moment after it is destroyed.
  const std::shared_ptr<End> client_end = std::make_shared<End>();
  End server_end;
  std::shared_ptr<Channel> channel;

 private:
  Mutex mu_;
  std::shared_ptr<Caller> back_ ABSL_GUARDED_BY(mu_);
  uint64_t stream_ ABSL_GUARDED_BY(mu_) = 0;

 public:
  std::unique_ptr<Server> server = MakeServer();  // stops before the rest goes
};

// Sends 300 MiB to somebody who reads none of it; returns how many messages got through at last.
size_t SendToOneWhoDoesNotRead(Caller& to, End& end) {
  constexpr int kMessages = 300;
  end.Block(true);
  const Buffer piece = Buffer::FromString(std::string(1 << 20, 'x'));
  for (int i = 0; i < kMessages; ++i) to.Send(kNote, {"note " + std::to_string(i), {piece}});
  end.Block(false);
  for (size_t sent = 0;; ++sent) {  // what still waited goes first, in order
    to.Send(kNote, {"last", {}});
    const std::vector<std::string> notes = end.WaitForNotes(sent + 1);
    const auto last = std::find(notes.begin(), notes.end(), "last");
    if (last != notes.end()) return static_cast<size_t>(last - notes.begin());
  }
}

}  // namespace

TEST_CASE("rpc back: the end that did not connect calls the one that did") {
  Pair pair;
  const auto back = pair.back();
  CHECK(back->IsUp());
  CHECK(pair.channel->IsUp());
  CHECK(pair.server->streams() == 1);
  const Buffer piece = Buffer::FromString(std::string(3 << 20, 'x'));
  const auto reply = CallAndWait(*back, kEcho, {"hello", {piece}});
  REQUIRE(reply.ok());
  CHECK(reply->header == "hello!");
  CHECK(TotalBytes(reply->payload) == 3 << 20);
  CHECK(absl::IsUnimplemented(CallAndWait(*back, Method::kMetadataStatus, {}).status()));
  CHECK(CallAndWait(*pair.channel, kJoin, {}).ok());
  CHECK(pair.server->streams() == 1);
}

TEST_CASE("rpc back: many calls both ways at once are answered each with its own") {
  Pair pair;
  const auto back = pair.back();
  Mutex mu;
  CondVar changed;
  int left = 2'000;
  int wrong = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string text = std::to_string(i);
    back->Call(kEcho, {text, {}}, kLongMs, [&, text](const absl::StatusOr<Message>& reply) {
      MutexLock lock(mu);
      if (!reply.ok() || reply->header != text + "!") ++wrong;
      if (--left == 0) changed.SignalAll();
    });
    pair.channel->Call(kJoin, {}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
      MutexLock lock(mu);
      if (!reply.ok()) ++wrong;
      if (--left == 0) changed.SignalAll();
    });
  }
  MutexLock lock(mu);
  while (left > 0) changed.Wait(mu);
  CHECK(wrong == 0);
}

TEST_CASE("rpc back: one-way messages arrive in order") {
  Pair pair;
  for (int i = 0; i < 500; ++i) pair.back()->Send(kNote, {std::to_string(i), {}});
  const auto notes = pair.client_end->WaitForNotes(500);
  for (int i = 0; i < 500; ++i) CHECK(notes[static_cast<size_t>(i)] == std::to_string(i));
}

TEST_CASE("rpc back: calls end with the stream, and a stream that ended is not used again") {
  Pair pair;
  const auto back = pair.back();
  const uint64_t stream = pair.stream();
  Notification ended;
  absl::Status status;
  back->Call(kKeep, {}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
    status = reply.status();
    ended.Notify();
  });
  pair.client_end->WaitForKept();
  pair.channel.reset();
  ended.Wait();
  CHECK(absl::IsUnavailable(status));
  CHECK_FALSE(WasNotSent(status));
  while (back->IsUp()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto refused = CallAndWait(*back, kEcho, {});
  CHECK(absl::IsUnavailable(refused.status()));
  CHECK(WasNotSent(refused.status()));
  back->Send(kNote, {"nobody hears", {}});
  pair.channel = MakeChannel("127.0.0.1:" + std::to_string(pair.server->port()));
  REQUIRE(CallAndWait(*pair.channel, kJoin, {}).ok());
  CHECK(pair.stream() != stream);
  CHECK(absl::IsUnimplemented(CallAndWait(*pair.back(), kEcho, {}).status()));  // no handlers
}

TEST_CASE("rpc back: a server that stops ends the calls it has made") {
  Pair pair;
  const auto back = pair.back();
  Notification ended;
  back->Call(kKeep, {}, kLongMs, [&](const absl::StatusOr<Message>& reply) {
    CHECK(absl::IsUnavailable(reply.status()));
    ended.Notify();
  });
  pair.client_end->WaitForKept();
  pair.server->Stop();
  ended.Wait();
  CHECK_FALSE(back->IsUp());
}

TEST_CASE("rpc back: for a peer that does not read, one-way messages wait up to a limit") {
  // What waits, and what gRPC and the sockets have taken on besides.
  constexpr size_t kMostMessages = (kMaxOneWayBytes >> 20) + 40;
  Pair pair;
  SECTION("from the end that connected") {
    CHECK(SendToOneWhoDoesNotRead(*pair.channel, pair.server_end) < kMostMessages);
  }
  SECTION("from the other end") {
    CHECK(SendToOneWhoDoesNotRead(*pair.back(), *pair.client_end) < kMostMessages);
  }
}

TEST_CASE("rpc: one-way messages in an outbox are bounded in bytes and in number") {
  Outbox outbox;
  Frame note{.kind = FrameKind::kOneWay, .method = 1, .message = {"x", {}}};
  for (size_t i = 0; i < kMaxOneWayMessages; ++i) {
    REQUIRE(outbox.TakesOneWay(note));
    outbox.Push(note);
  }
  CHECK_FALSE(outbox.TakesOneWay(note));
  (void)outbox.TakeBatch();
  CHECK(outbox.TakesOneWay(note));
  const Frame large{.kind = FrameKind::kOneWay,
                    .method = 1,
                    .message = {"", {Buffer::FromString(std::string(kMaxOneWayBytes / 2, 'x'))}}};
  outbox.Push(large);
  CHECK_FALSE(outbox.TakesOneWay(large));
  CHECK(outbox.TakesOneWay(note));
  outbox.Clear();
  CHECK(outbox.TakesOneWay(large));
  // Calls have a limit of their own and take none of this room.
  Frame call = large;
  call.kind = FrameKind::kRequest;
  outbox.Push(call);
  outbox.Push(call);
  CHECK(outbox.TakesOneWay(large));
}

}  // namespace openefs::rpc
