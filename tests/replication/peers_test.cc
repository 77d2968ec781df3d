// Who is let in: nodes that introduce themselves to each other, under virtual time.
#include "replication/node/peers.h"

#include <catch2/catch.hpp>
#include <deque>
#include <filesystem>
#include <fstream>

#include "common/files.h"
#include "tests/common/temp_dir.h"

namespace openefs::replication::testing {
namespace {

constexpr int64_t kSilenceMs = 500;
const std::string kCluster = "0123456789abcdef";

// A process of a metadata node as far as its peers see it.
struct Process {
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Peers> peers;
  std::vector<uint32_t> heard;  // from whom a message got through
  bool running = true;
};

// Carries everything at once, or nothing where cut. Addresses are names of processes.
class Net {
 public:
  explicit Net(std::vector<NodeId> voters) : voters_(std::move(voters)) {}

  struct Setup {
    std::string cluster = kCluster;
    std::vector<NodeId> voters;  // empty: those of the net
    std::string directory;       // empty: that of the node
  };
  Process& Start(const std::string& name, NodeId node) { return Start(name, node, Setup()); }
  Process& Start(const std::string& name, NodeId node, Setup setup);
  // As kill -9 does: no good-bye.
  void Kill(const std::string& name) { processes_.erase(name); }
  Process& at(const std::string& name) { return *processes_.at(name); }
  std::string Directory(const std::string& name) const { return dir_.path() + "/" + name; }

  // Who is reached as `node`, if it is not the process of that name.
  std::map<NodeId, std::string> routes;
  std::set<std::pair<std::string, std::string>> cuts;  // from, to

  void Run(int64_t ms) {
    for (const int64_t end = now_ms_ + ms; now_ms_ < end; now_ms_ += 50) {
      for (auto& [name, process] : processes_)
        process->peers->Tick(now_ms_, [](NodeId) { return QuietVouch(); });
      Settle();
    }
  }
  // Whether a message gets through from one to the other.
  bool Talks(const std::string& from, const std::string& to) {
    const size_t before = at(to).heard.size();
    pb::RaftMessageBatch batch;
    batch.add_messages()->set_group(7);
    at(from).peers->Send(at(to).peers->identity().node_id(), std::move(batch));
    Settle();
    return at(to).heard.size() > before;
  }

 private:
  friend class End;
  Process* Reach(const std::string& from, NodeId to) {
    const auto route = routes.find(to);
    const std::string name = route == routes.end() ? std::to_string(to) : route->second;
    const auto found = processes_.find(name);
    const bool there = found != processes_.end() && !cuts.contains({from, name});
    return there ? found->second.get() : nullptr;
  }
  void Settle() {
    while (!events_.empty()) {
      auto event = std::move(events_.front());
      events_.pop_front();
      event();
    }
  }

  const TempDir dir_;
  const std::vector<NodeId> voters_;
  int64_t now_ms_ = 1'000;
  std::map<std::string, std::unique_ptr<Process>> processes_;
  std::deque<std::function<void()>> events_;
  SeededRandom random_{42};
};

class End final : public Transport {
 public:
  End(Net* net, std::string name) : net_(net), name_(std::move(name)) {}
  void Send(NodeId to, pb::RaftMessageBatch batch) override {
    net_->events_.push_back([net = net_, name = name_, to, batch] {
      Process* process = net->Reach(name, to);
      if (process == nullptr || !process->peers->Accept(batch, net->now_ms_)) return;
      if (batch.messages_size() > 0) process->heard.push_back(batch.from());
    });
  }
  void Hello(NodeId to, pb::PeerHello hello, HelloCallback done) override {
    Process* process = net_->Reach(name_, to);
    if (process == nullptr) return done(absl::UnavailableError(""));
    done(process->peers->OnHello(hello, net_->now_ms_));
  }
  void Snapshot(NodeId, pb::SnapshotRequest, BufferList, SnapshotCallback done) override {
    done(absl::UnavailableError(""));
  }
  void LearnAddress(NodeId, const std::string&) override {}
  void SetReceiver(Receiver) override {}

 private:
  Net* const net_;
  const std::string name_;
};

Process& Net::Start(const std::string& name, NodeId node, Setup setup) {
  const std::string directory =
      Directory(setup.directory.empty() ? std::to_string(node) : setup.directory);
  std::filesystem::create_directories(directory);
  auto process = std::make_unique<Process>();
  process->transport = std::make_unique<End>(this, name);
  Peers::Options options;
  options.cluster_id = setup.cluster;
  options.first_voters = setup.voters.empty() ? voters_ : setup.voters;
  options.silence_ms = kSilenceMs;
  auto identity = Identity::Open(directory, node, &random_);
  REQUIRE(identity.ok());
  process->peers = std::make_unique<Peers>(
      options, *std::move(identity), process->transport.get(),
      [this, name](NodeId from, absl::StatusOr<pb::PeerWelcome> welcome) {
        events_.push_back([this, name, from, welcome = std::move(welcome)] {
          const auto found = processes_.find(name);
          if (found != processes_.end()) found->second->peers->OnWelcome(from, welcome, now_ms_);
        });
      },
      &random_);
  return *(processes_[name] = std::move(process));
}

std::string TroubleWith(Process& process, NodeId node) {
  for (const Peers::View& view : process.peers->Views()) {
    if (view.node == node) return view.trouble;
  }
  return "";
}

void StartThree(Net& net) {
  for (const NodeId node : {1, 2, 3}) net.Start(std::to_string(node), node);
  net.Run(1'000);
  for (const char* name : {"1", "2", "3"}) REQUIRE(net.at(name).peers->formed());
}

TEST_CASE("three fresh nodes form once all have met, and then two are enough") {
  Net net({1, 2, 3});
  net.Start("1", 1);
  net.Start("2", 2);
  net.Run(60'000);
  CHECK_FALSE(net.at("1").peers->formed());
  CHECK_FALSE(net.Talks("1", "2"));
  net.Start("3", 3);
  net.Run(1'000);
  for (const char* name : {"1", "2", "3"}) CHECK(net.at(name).peers->formed());
  CHECK(net.Talks("1", "2"));
  CHECK(net.Talks("2", "3"));
  for (const char* name : {"1", "2", "3"}) net.Kill(name);
  net.Start("1", 1);
  net.Start("2", 2);
  CHECK(net.at("1").peers->formed());
  net.Run(1'000);
  CHECK(net.Talks("1", "2"));
}

TEST_CASE("no node forms before all have the same on record, whichever connection is cut") {
  const std::vector<std::pair<std::string, std::string>> all = {{"1", "2"}, {"1", "3"}, {"2", "1"},
                                                                {"2", "3"}, {"3", "1"}, {"3", "2"}};
  for (unsigned mask = 1; mask < 64; ++mask) {
    Net net({1, 2, 3});
    for (unsigned i = 0; i < 6; ++i) {
      if ((mask >> i & 1) != 0) net.cuts.insert(all[i]);
    }
    for (const NodeId node : {1, 2, 3}) net.Start(std::to_string(node), node);
    net.Run(1'000);
    // Whoever takes part could not be exchanged by a wiped one without being noticed by any other.
    for (const NodeId formed : {1, 2, 3}) {
      if (!net.at(std::to_string(formed)).peers->formed()) continue;
      for (const NodeId other : {1, 2, 3}) {
        if (other == formed) continue;
        INFO("mask " << mask << ", " << formed << " formed, on record with " << other << "?");
        const Identity& theirs = net.at(std::to_string(other)).peers->identity();
        REQUIRE(theirs.Find(formed) != nullptr);
        CHECK(theirs.Find(formed)->incarnation() ==
              net.at(std::to_string(formed)).peers->identity().incarnation());
      }
    }
    net.cuts.clear();
    net.Run(2'000);
    for (const char* name : {"1", "2", "3"}) CHECK(net.at(name).peers->formed());
  }
}

TEST_CASE("a wiped node is refused by those who knew it, with a line on both sides") {
  Net net({1, 2, 3});
  StartThree(net);
  net.Kill("3");
  std::filesystem::remove_all(net.Directory("3"));
  net.Start("3", 3);
  net.Run(2'000);
  CHECK_FALSE(net.at("3").peers->formed());
  const absl::Status& fatal = net.at("3").peers->fatal();
  CHECK(fatal.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(fatal.message().find("never comes back under its old id") != absl::string_view::npos);
  CHECK_FALSE(net.Talks("3", "1"));
  CHECK_FALSE(net.Talks("1", "3"));
  CHECK(TroubleWith(net.at("1"), 3).find("another directory") != std::string::npos);
  CHECK(net.Talks("1", "2"));
}

TEST_CASE("a node that is wiped before the cluster has formed is refused all the same") {
  Net net({1, 2, 3});
  net.Start("1", 1);
  net.Start("2", 2);
  net.Run(1'000);
  net.Kill("2");
  std::filesystem::remove_all(net.Directory("2"));
  net.Start("2", 2);
  net.Start("3", 3);
  net.Run(5'000);
  CHECK_FALSE(net.at("2").peers->fatal().ok());
  for (const char* name : {"1", "2", "3"}) CHECK_FALSE(net.at(name).peers->formed());
}

TEST_CASE("of two processes with one identity the second is refused, until the first is silent") {
  Net net({1, 2, 3});
  StartThree(net);
  std::filesystem::copy(net.Directory("3"), net.Directory("copy"));
  net.Start("copy", 3, {.directory = "copy"});
  net.Run(5'000);
  CHECK_FALSE(net.Talks("copy", "1"));
  CHECK_FALSE(net.Talks("copy", "2"));
  CHECK(net.Talks("3", "1"));
  CHECK(net.Talks("1", "3"));
  CHECK(TroubleWith(net.at("copy"), 1).find("runs twice") != std::string::npos);
  net.Kill("3");
  net.routes[3] = "copy";
  net.Run(2'000);
  CHECK(net.Talks("copy", "1"));
  CHECK(net.Talks("1", "copy"));
}

TEST_CASE(
    "a process that was killed and starts again at once is back when its old self is silent") {
  Net net({1, 2, 3});
  StartThree(net);
  net.Kill("3");
  net.Start("3", 3);
  net.Run(kSilenceMs + 200);
  CHECK(net.Talks("3", "1"));
  CHECK(net.Talks("1", "3"));
  CHECK(TroubleWith(net.at("1"), 3).empty());
}

TEST_CASE("a process that said good-bye may come back at once") {
  Net net({1, 2, 3});
  StartThree(net);
  net.at("3").peers->Leave();
  net.Run(50);
  net.Kill("3");
  net.Start("3", 3);
  net.Run(100);
  CHECK(net.Talks("3", "1"));
}

TEST_CASE("what an earlier session sent does not count any more") {
  Net net({1, 2, 3});
  StartThree(net);
  pb::RaftMessageBatch old;
  old.set_cluster_id(kCluster);
  old.set_from(3);
  old.set_from_session(12345);
  old.set_to_session(54321);
  CHECK_FALSE(net.at("1").peers->Accept(old, 10'000));
}

TEST_CASE("nodes of another cluster, with another list or at a wrong address are refused") {
  Net net({1, 2, 3});
  net.Start("1", 1);
  net.Start("2", 2);
  std::string expected;
  SECTION("cluster") {
    net.Start("3", 3, {.cluster = "another cluster!"});
    expected = "belongs to cluster";
  }
  SECTION("voters") {
    net.Start("3", 3, {.voters = {1, 2, 3, 4}});
    expected = "was configured with metadata nodes";
  }
  SECTION("address") {
    net.Start("3", 3);
    net.routes[3] = "2";
    net.routes[2] = "3";
    expected = "mixed up";
  }
  net.Run(5'000);
  CHECK(TroubleWith(net.at("1"), 3).find(expected) != std::string::npos);
  for (const char* name : {"1", "2", "3"}) {
    CHECK_FALSE(net.at(name).peers->formed());
    CHECK(net.at(name).peers->fatal().ok());
  }
}

TEST_CASE("a node of another version is refused") {
  Net net({1, 2, 3});
  StartThree(net);
  pb::PeerHello hello;
  hello.set_protocol_version(kPeerProtocolVersion + 1);
  hello.set_cluster_id(kCluster);
  hello.set_node_id(3);
  hello.set_to(1);
  const pb::PeerWelcome welcome = net.at("1").peers->OnHello(hello, 5'000);
  CHECK(welcome.refusal() == pb::PeerWelcome::OTHER_VERSION);
  CHECK(welcome.text().find("version") != std::string::npos);
}

// What a fresh node 1 of {1, 2, 3} would believe, from a cluster that has formed.
pb::PeerHello FormedHello(const Process& to) {
  pb::PeerHello hello;
  hello.set_protocol_version(kPeerProtocolVersion);
  hello.set_cluster_id(kCluster);
  hello.set_node_id(2);
  hello.set_to(1);
  hello.set_incarnation(std::string(kIncarnationBytes, 'b'));
  hello.set_session(77);
  hello.set_formed(true);
  for (const NodeId voter : {1, 2, 3}) hello.add_first_voters(voter);
  for (const NodeId node : {1, 2, 3}) {
    pb::ReplicaMember* member = hello.add_members();
    member->set_node_id(node);
    member->set_incarnation(node == 1 ? to.peers->identity().incarnation()
                                      : std::string(kIncarnationBytes, "abc"[node - 1]));
  }
  return hello;
}

TEST_CASE("a hello that no node can have sent is refused, and nothing of it is kept") {
  Net net({1, 2, 3});
  pb::PeerHello hello = FormedHello(net.Start("1", 1));
  const auto nodes = GENERATE(values<std::vector<NodeId>>(
      {{}, {0, 1, 2}, {1, 2, 2}, {3, 2, 1}, std::vector<NodeId>(40, 1), {1, 2, 3}}));
  const bool sound_voters = nodes == std::vector<NodeId>{1, 2, 3};
  hello.clear_first_voters();
  for (const NodeId node : nodes) hello.add_first_voters(node);
  if (sound_voters) {
    SECTION("a member without an id") { hello.add_members()->set_incarnation("i"); }
    SECTION("an address of 2 KiB") {
      hello.mutable_members(2)->set_address(std::string(2048, 'x'));
    }
    SECTION("too many members") {
      for (NodeId node = 4; node < 5000; ++node) hello.add_members()->set_node_id(node);
    }
    SECTION("two incarnations of its own") {
      hello.mutable_members(1)->set_incarnation(std::string(kIncarnationBytes, 'z'));
    }
  }
  CHECK(net.at("1").peers->OnHello(hello, 5'000).refusal() == pb::PeerWelcome::OTHER_VERSION);
  CHECK_FALSE(net.at("1").peers->formed());
  CHECK(net.at("1").peers->fatal().ok());
  CHECK(net.at("1").peers->identity().members().empty());
}

TEST_CASE("the largest record that a hello may leave is read again") {
  Net net({1, 2, 3});
  pb::PeerHello hello = FormedHello(net.Start("1", 1));
  for (NodeId node = 4; node <= kMaxMembers + 1; ++node) {
    pb::ReplicaMember* member = hello.add_members();
    member->set_node_id(node);
    member->set_address(std::string(1000, 'x'));
  }
  REQUIRE(net.at("1").peers->OnHello(hello, 5'000).refusal() == pb::PeerWelcome::NONE);
  REQUIRE(net.at("1").peers->formed());
  net.Kill("1");
  net.Start("1", 1);
  CHECK(net.at("1").peers->formed());
  CHECK(net.at("1").peers->identity().members().size() == kMaxMembers);
}

TEST_CASE("before a cluster has formed only its first nodes come on record") {
  Net net({1, 2, 3});
  Process& fresh = net.Start("1", 1);
  pb::PeerHello hello = FormedHello(fresh);
  hello.set_formed(false);
  hello.set_node_id(9);
  hello.clear_members();
  pb::ReplicaMember* self = hello.add_members();
  self->set_node_id(9);
  self->set_incarnation(hello.incarnation());
  CHECK(fresh.peers->OnHello(hello, 5'000).refusal() == pb::PeerWelcome::NOT_A_MEMBER);
  CHECK(fresh.peers->identity().members().empty());
  hello.set_node_id(3);
  self->set_node_id(3);
  CHECK(fresh.peers->OnHello(hello, 5'000).refusal() == pb::PeerWelcome::NONE);
  CHECK(fresh.peers->identity().members().size() == 1);
}

TEST_CASE("a new node waits to be added, then takes part and knows everybody") {
  Net net({1, 2, 3});
  StartThree(net);
  net.Start("4", 4, {.voters = {1, 2, 3, 4}});
  net.Run(2'000);
  CHECK_FALSE(net.at("4").peers->formed());
  CHECK(net.at("4").peers->fatal().ok());
  CHECK(TroubleWith(net.at("4"), 1).find("add-replica") != std::string::npos);
  pb::ReplicaMember member;
  member.set_node_id(4);
  member.set_incarnation(net.at("4").peers->identity().incarnation());
  for (const char* name : {"1", "2", "3"}) REQUIRE(net.at(name).peers->Record({member}).ok());
  net.Run(1'000);
  REQUIRE(net.at("4").peers->formed());
  CHECK(net.at("4").peers->identity().first_voters() == std::vector<NodeId>{1, 2, 3});
  for (const char* name : {"1", "2", "3"}) {
    CHECK(net.Talks(name, "4"));
    CHECK(net.Talks("4", name));
  }
  SECTION("and is known when it comes back") {
    net.Kill("4");
    net.Run(1'000);
    net.Start("4", 4, {.voters = {1, 2, 3, 4}});
    net.Run(1'000);
    CHECK(net.Talks("4", "1"));
  }
  SECTION("and is told when it was removed") {
    member.set_removed(true);
    for (const char* name : {"1", "2", "3"}) REQUIRE(net.at(name).peers->Record({member}).ok());
    CHECK_FALSE(net.Talks("1", "4"));
    net.Run(2'000);
    CHECK(net.at("4").peers->fatal().message().find("was removed") != absl::string_view::npos);
  }
}

TEST_CASE("a peer that falls silent or starts anew is reported once") {
  Net net({1, 2, 3});
  StartThree(net);
  net.at("1").peers->TakeLost();
  CHECK(net.at("1").peers->Alive(3));
  SECTION("silent") { net.Kill("3"); }
  SECTION("anew") {
    net.Kill("3");
    net.Start("3", 3);
  }
  net.Run(2'000);
  CHECK(net.at("1").peers->TakeLost() == std::vector<NodeId>{3});
  net.Run(2'000);
  CHECK(net.at("1").peers->TakeLost().empty());
}

TEST_CASE("an identity that is damaged is refused, and one that was not written is made anew") {
  const TempDir dir;
  SeededRandom random(1);
  auto first = Identity::Open(dir.path(), 1, &random);
  REQUIRE(first.ok());
  const std::string incarnation = (*first)->incarnation();
  CHECK(incarnation.size() == kIncarnationBytes);
  pb::ReplicaMember member;
  member.set_node_id(2);
  member.set_incarnation("x");
  REQUIRE((*first)->Form({1, 2}, {member}).ok());
  auto again = Identity::Open(dir.path(), 1, &random);
  REQUIRE(again.ok());
  CHECK((*again)->incarnation() == incarnation);
  CHECK((*again)->formed());
  CHECK((*again)->Find(2)->incarnation() == "x");
  const std::string path = dir.path() + "/IDENTITY";
  const std::string whole = *ReadSmallFile(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    std::ofstream(path, std::ios::binary) << damaged;
    CHECK(Identity::Open(dir.path(), 1, &random).status().code() == absl::StatusCode::kDataLoss);
    std::ofstream(path, std::ios::binary) << whole.substr(0, at);
    CHECK(Identity::Open(dir.path(), 1, &random).status().code() == absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace openefs::replication::testing
