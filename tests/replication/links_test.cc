// Which stream of a pair of nodes is used, with streams that are only told to be up or down.
#include "replication/node/links.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace openefs::replication::testing {
namespace {

struct Stream {
  explicit Stream(bool is_up = true) : up(is_up) {}
  std::atomic<bool> up;
  std::atomic<bool> destroyed{false};
};

// What a thread of its own does.
void Await(const std::atomic<bool>& done) {
  while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

class FakeChannel final : public rpc::Channel {
 public:
  explicit FakeChannel(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~FakeChannel() override { stream_->destroyed = true; }
  void Call(rpc::Method, rpc::Message, int64_t, rpc::ReplyCallback) override {}
  void Send(rpc::Method, rpc::Message) override {}
  bool IsUp() const override { return stream_->up; }

 private:
  const std::shared_ptr<Stream> stream_;
};

class FakeOrigin final : public rpc::Origin {
 public:
  explicit FakeOrigin(uint64_t id) : id_(id) {}
  uint64_t id() const override { return id_; }
  std::shared_ptr<rpc::Caller> Back() override {
    ++backs;
    return caller;
  }
  const std::shared_ptr<Stream> stream = std::make_shared<Stream>();
  const std::shared_ptr<rpc::Caller> caller = std::make_shared<FakeChannel>(stream);
  int backs = 0;

 private:
  const uint64_t id_;
};

struct Net {
  explicit Net(NodeId self, const std::map<NodeId, std::string>& addresses = {})
      : links(
            self, addresses,
            [this](const std::string& address) {
              dialed.push_back(address);
              streams.push_back(std::make_shared<Stream>(false));
              return std::make_shared<FakeChannel>(streams.back());
            },
            &clock) {}
  ~Net() { links.Close(); }

  ManualClock clock;
  std::vector<std::string> dialed;
  std::vector<std::shared_ptr<Stream>> streams;
  Links links;
};

TEST_CASE("the node with the lower id connects at once, the other one when it has to") {
  Net low(1, {{2, "two:1"}});
  CHECK(low.dialed == std::vector<std::string>{"two:1"});
  Net high(2, {{1, "one:1"}});
  CHECK(high.dialed.empty());
  CHECK(high.links.ForHello(1) == nullptr);
  high.clock.AdvanceMs(kDialPatienceMs - 1);
  CHECK(high.links.ForHello(1) == nullptr);
  CHECK(high.dialed.empty());
  high.clock.AdvanceMs(1);
  CHECK(high.links.ForHello(1) != nullptr);
  CHECK(high.links.ForHello(1) != nullptr);
  CHECK(high.dialed == std::vector<std::string>{"one:1"});
  CHECK(high.links.ForHello(7) == nullptr);
  CHECK(high.links.ToSession(7, 5) == nullptr);
}

TEST_CASE("what comes from a session goes back to it on the same stream") {
  Net high(2, {{1, "one:1"}});
  FakeOrigin stream(1);
  high.links.NoteOrigin(1, 11, stream);
  high.links.NoteOrigin(1, 11, stream);
  CHECK(stream.backs == 1);
  CHECK(high.links.ForHello(1) == stream.caller);
  CHECK(high.links.ToSession(1, 11) == stream.caller);
  CHECK(high.links.ToSession(1, 12) == nullptr);
  high.clock.AdvanceMs(10 * kDialPatienceMs);
  CHECK(high.links.ForHello(1) == stream.caller);
  CHECK(high.dialed.empty());
}

TEST_CASE("both have connected: one stream is left, the one that the lower id opened") {
  Net high(2, {{1, "one:1"}});
  (void)high.links.ForHello(1);
  high.clock.AdvanceMs(kDialPatienceMs);
  REQUIRE(high.links.ForHello(1) != nullptr);
  high.streams[0]->up = true;
  FakeOrigin theirs(1);
  high.links.NoteOrigin(1, 11, theirs);
  CHECK(high.links.ToSession(1, 11) == theirs.caller);
  Await(high.streams[0]->destroyed);
  theirs.stream->up = false;
  CHECK(high.links.ToSession(1, 11) == nullptr);

  Net low(1, {{2, "two:1"}});
  FakeOrigin back(2);
  low.links.NoteOrigin(2, 22, back);
  CHECK(low.links.ToSession(2, 22) == back.caller);  // its own is not up yet
  low.streams[0]->up = true;
  CHECK(low.links.ToSession(2, 22) != back.caller);
  CHECK(low.links.ForHello(2) != back.caller);
  CHECK_FALSE(low.streams[0]->destroyed);
}

TEST_CASE("a copy or a process started again takes nothing that is meant for another session") {
  Net high(2);
  FakeOrigin first(1);
  FakeOrigin copy(2);
  high.links.NoteOrigin(1, 11, first);
  high.links.NoteOrigin(1, 66, copy);
  CHECK(high.links.ToSession(1, 11) == first.caller);
  CHECK(high.links.ForHello(1) == copy.caller);  // so that it hears what it is
  copy.stream->up = false;
  CHECK(high.links.ForHello(1) == first.caller);
  FakeOrigin again(3);  // the first one's stream is open still
  high.links.NoteOrigin(1, 12, again);
  CHECK(high.links.ToSession(1, 12) == again.caller);
  CHECK(high.links.ForHello(1) == again.caller);
}

TEST_CASE("streams that end, and who names many ids, take no room for ever") {
  Net high(9);
  FakeOrigin good(1);
  high.links.NoteOrigin(1, 11, good);
  std::vector<std::unique_ptr<FakeOrigin>> many;
  for (uint64_t id = 2; id < 1'000; ++id) {
    many.push_back(std::make_unique<FakeOrigin>(id));
    high.links.NoteOrigin(2, id, *many.back());
  }
  CHECK(high.links.ToSession(1, 11) == good.caller);
  CHECK(high.links.ToSession(2, 2) == nullptr);
  CHECK(high.links.ToSession(2, 999) == many.back()->caller);
  FakeOrigin liar(2'000);
  for (NodeId node = 1; node < 1'000; ++node) high.links.NoteOrigin(node, 1, liar);
  CHECK(high.links.ToSession(1, 11) == good.caller);
  CHECK(high.links.ToSession(998, 1) == nullptr);
  CHECK(high.links.ToSession(999, 1) == liar.caller);
  FakeOrigin nobody(3'000);
  high.links.NoteOrigin(0, 1, nobody);
  high.links.NoteOrigin(9, 1, nobody);
  CHECK(nobody.backs == 0);
}

TEST_CASE("an address that is learned is used, a new one takes its place, a configured one stays") {
  Net low(1, {{2, "two:1"}});
  low.links.LearnAddress(2, "elsewhere:1");
  low.links.LearnAddress(3, "");
  low.links.LearnAddress(3, "three:1");
  low.links.LearnAddress(3, "three:1");
  CHECK(low.dialed == std::vector<std::string>{"two:1", "three:1"});
  low.links.LearnAddress(3, "three:2");
  CHECK(low.dialed.back() == "three:2");
  Await(low.streams[1]->destroyed);
  CHECK_FALSE(low.streams[2]->destroyed);
  low.links.Close();
  low.links.LearnAddress(4, "four:1");
  CHECK(low.dialed.size() == 3);
}

}  // namespace
}  // namespace openefs::replication::testing
