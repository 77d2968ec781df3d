// What a hostile process can say to a metadata node on their stream, at either end of it.
//
// Node 2 of three is under test: its transport, its links and its judgement of peers are the real
// ones. Two streams were opened to it and it has opened one, to node 3; they are in memory, and
// what is said on them is frames as common/rpc decodes them. The input is a script of what the
// other ends say: raw batches, or hellos, answers and batches that look right but for the bytes of
// the input that are merged into them, so that mutations get past the first check.
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"
#include "common/rpc/pending_calls.h"
#include "common/rpc/serving.h"
#include "replication/node/peers.h"
#include "replication/node/rpc_transport.h"
#include "replication/node/transport.h"
#include "tests/common/temp_dir.h"

namespace openefs::replication::testing {
namespace {

constexpr NodeId kSelf = 2;
constexpr char kCluster[] = "0123456789abcdef";
const std::vector<NodeId> kVoters = {1, 2, 3};
// An input says no more than this: what goes wrong does so early, and small inputs are found
// sooner.
constexpr int kMaxActions = 48;

std::string IncarnationOf(NodeId node) { return std::string(kIncarnationBytes, 'a' + node % 26); }
uint64_t SessionOf(NodeId node) { return 0x1000 + node; }

// ---- streams --------------------------------------------------------------------------------

// The node's end of a stream, as common/rpc has it, without sockets. `served` are its handlers.
class End final : public rpc::Channel,
                  public rpc::Answers,
                  public rpc::Origin,
                  public std::enable_shared_from_this<End> {
 public:
  using Served = std::map<rpc::Method, rpc::Server::OriginHandler>;
  End(uint64_t id, std::shared_ptr<const Served> served) : id_(id), served_(std::move(served)) {}
  ~End() override { OPENEFS_CHECK(answered_ == asked_); }

  void Receive(rpc::Frame frame);
  void Break() {
    up_ = false;
    calls_->FailAll(absl::UnavailableError("broken"));
    calls_->RunReady();
    calls_->AwaitCallbacks();
  }
  // The oldest call of the node that is not answered; 0: none.
  uint64_t TakeCall() {
    if (sent_calls_.empty()) return 0;
    const uint64_t call = sent_calls_.front();
    sent_calls_.pop_front();
    return call;
  }

  // Caller
  void Call(rpc::Method method, rpc::Message request, int64_t timeout_ms,
            rpc::ReplyCallback done) override {
    calls_->Add(method, std::move(request), timeout_ms, std::move(done),
                up_ ? absl::OkStatus() : absl::UnavailableError("broken"),
                [this](const rpc::Frame& frame) {
                  sent_calls_.push_back(frame.call_id);
                  return absl::OkStatus();
                });
  }
  void Send(rpc::Method, rpc::Message) override {}
  bool IsUp() const override { return up_; }
  // Origin
  uint64_t id() const override { return id_; }
  std::shared_ptr<rpc::Caller> Back() override { return shared_from_this(); }
  // Answers
  void AnswerCall(uint64_t, size_t, absl::StatusOr<rpc::Message> result) override {
    ++answered_;
    rpc::ReplyFrame(1, std::move(result));
  }

 private:
  const uint64_t id_;
  const std::shared_ptr<const Served> served_;
  const std::shared_ptr<rpc::PendingCalls> calls_ = std::make_shared<rpc::PendingCalls>("peer");
  std::deque<uint64_t> sent_calls_;
  bool up_ = true;
  size_t asked_ = 0;
  size_t answered_ = 0;
};

void End::Receive(rpc::Frame frame) {
  if (frame.kind == rpc::FrameKind::kReply) {
    std::vector<rpc::Frame> replies;
    replies.push_back(std::move(frame));
    return calls_->OnReplies(std::move(replies));
  }
  const auto handler = served_->find(static_cast<rpc::Method>(frame.method));
  if (handler == served_->end()) return;
  if (frame.kind == rpc::FrameKind::kOneWay) {
    return handler->second(
        std::move(frame.message), [](const absl::StatusOr<rpc::Message>&) {}, *this);
  }
  ++asked_;
  rpc::Reply reply(shared_from_this(), frame.call_id, rpc::FrameBytes(frame));
  handler->second(std::move(frame.message), std::move(reply), *this);
}

// Only keeps what is registered.
class NoServer final : public rpc::Server {
 public:
  void Register(rpc::Method, Handler) override {}
  void RegisterWithOrigin(rpc::Method method, OriginHandler handler) override {
    served->insert_or_assign(method, std::move(handler));
  }
  absl::Status Start(const std::string&) override { return absl::OkStatus(); }
  int port() const override { return 0; }
  size_t streams() const override { return 0; }
  void Stop() override {}

  const std::shared_ptr<End::Served> served = std::make_shared<End::Served>();
};

std::shared_ptr<const End::Served> Ignoring(std::shared_ptr<const rpc::Handlers> handlers) {
  auto served = std::make_shared<End::Served>();
  for (const auto& [method, handler] : *handlers) {
    served->emplace(
        method, [handlers, &handler](rpc::Message message, rpc::ReplyCallback reply, rpc::Origin&) {
          handler(std::move(message), std::move(reply));
        });
  }
  return served;
}

// ---- the node -------------------------------------------------------------------------------

// What waits for the node's loop. Calls that time out say so on a thread of their own.
class Arrivals {
 public:
  void Add(std::function<void()> event) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    events_.push_back(std::move(event));
  }
  std::deque<std::function<void()>> Take() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return std::exchange(events_, {});
  }

 private:
  Mutex mu_;
  std::deque<std::function<void()>> events_ ABSL_GUARDED_BY(mu_);
};

class Node {
 public:
  explicit Node(bool formed) {
    auto identity = Identity::Open(dir_.path(), kSelf, &random_);
    OPENEFS_CHECK(identity.ok());
    incarnation_ = (*identity)->incarnation();
    if (formed) OPENEFS_CHECK((*identity)->Form(kVoters, Members()).ok());
    formed_at_start_ = formed;
    transport_ =
        MakeRpcTransport(&server_, kSelf, {{1, "one"}, {3, "three"}},
                         [this](const std::string&, std::shared_ptr<const rpc::Handlers> handlers) {
                           return dialed_ = MakeEnd(Ignoring(std::move(handlers)));
                         });
    Peers::Options options;
    options.cluster_id = kCluster;
    options.first_voters = kVoters;
    options.address = "two";
    peers_ = std::make_unique<Peers>(
        options, *std::move(identity), transport_.get(),
        [this, arrivals = arrivals_](NodeId from, absl::StatusOr<pb::PeerWelcome> welcome) {
          arrivals->Add([this, from, welcome = std::move(welcome)] { OnWelcome(from, welcome); });
        },
        &random_);
    transport_->SetReceiver(
        {.batch =
             [this](pb::RaftMessageBatch batch) {
               arrivals_->Add([this, batch = std::move(batch)] { Accept(batch); });
             },
         .hello =
             [this](pb::PeerHello hello, Transport::HelloReply reply) {
               auto shared = std::make_shared<Transport::HelloReply>(std::move(reply));
               arrivals_->Add(
                   [this, hello = std::move(hello), shared] { OnHello(hello, *shared); });
             },
         .snapshot =
             [this](pb::SnapshotRequest request, BufferList, Transport::SnapshotCallback reply) {
               auto shared = std::make_shared<Transport::SnapshotCallback>(std::move(reply));
               arrivals_->Add([this, request = std::move(request), shared] {
                 if (Accept(request.envelope())) return (*shared)(pb::SnapshotReply());
                 (*shared)(absl::UnavailableError("not introduced to each other"));
               });
             }});
    for (auto& opened : opened_) opened = MakeEnd(server_.served);
  }
  ~Node() {
    transport_->SetReceiver({});
    for (const auto& end : ends_) end->Break();
    arrivals_->Take();
    Check();
    peers_.reset();
    transport_.reset();
  }

  // Stream 2 is the one that the node opened.
  End& stream(int which) {
    if (which == 2 && dialed_ != nullptr) return *dialed_;
    return *opened_[which % 2];
  }
  void Reconnect(int which) {
    stream(which).Break();
    if (which != 2) opened_[which % 2] = MakeEnd(server_.served);
  }
  void Tick(int64_t ms) {
    now_ms_ += ms;
    if (peers_->fatal().ok()) {
      peers_->Tick(now_ms_, [](NodeId) { return QuietVouch(); });
    }
    Settle();
  }
  void Settle() {
    for (auto& event : arrivals_->Take()) event();
  }
  std::vector<pb::ReplicaMember> Members() const {
    std::vector<pb::ReplicaMember> members;
    for (const NodeId node : kVoters) {
      pb::ReplicaMember& member = members.emplace_back();
      member.set_node_id(node);
      member.set_incarnation(node == kSelf ? incarnation_ : IncarnationOf(node));
    }
    return members;
  }
  uint64_t session() const {
    pb::RaftMessageBatch batch;
    return peers_->Stamp(1, &batch) || peers_->Stamp(3, &batch) ? batch.from_session() : 0;
  }

 private:
  std::shared_ptr<End> MakeEnd(std::shared_ptr<const End::Served> served) {
    return ends_.emplace_back(std::make_shared<End>(ends_.size() + 1, std::move(served)));
  }
  void OnHello(const pb::PeerHello& hello, Transport::HelloReply& reply) {
    Introduced(hello);
    if (!peers_->fatal().ok()) return reply({});
    reply(peers_->OnHello(hello, now_ms_));
  }
  void OnWelcome(NodeId from, const absl::StatusOr<pb::PeerWelcome>& welcome) {
    if (welcome.ok()) Introduced(welcome->hello());
    if (peers_->fatal().ok()) peers_->OnWelcome(from, welcome, now_ms_);
  }
  void Introduced(const pb::PeerHello& hello) {
    if (hello.protocol_version() != kPeerProtocolVersion || hello.cluster_id() != kCluster) return;
    if (hello.to() == kSelf) introduced_.emplace(hello.node_id(), hello.session());
  }
  // Nobody is heard who has not introduced himself.
  bool Accept(const pb::RaftMessageBatch& batch) {
    if (!peers_->fatal().ok() || !peers_->Accept(batch, now_ms_)) return false;
    OPENEFS_CHECK(batch.cluster_id() == kCluster);
    OPENEFS_CHECK(batch.from() != kSelf && batch.from() != 0);
    OPENEFS_CHECK(introduced_.contains({batch.from(), batch.from_session()}));
    OPENEFS_CHECK(peers_->formed());
    return true;
  }

  // What is on record is what a start after this finds, and of a formed node nothing that was said
  // has changed it.
  void Check() {
    const Identity& now = peers_->identity();
    auto again = Identity::Open(dir_.path(), kSelf, &random_);
    OPENEFS_CHECK(again.ok());
    OPENEFS_CHECK((*again)->incarnation() == incarnation_ && now.incarnation() == incarnation_);
    OPENEFS_CHECK((*again)->formed() == now.formed());
    OPENEFS_CHECK((*again)->first_voters() == now.first_voters());
    OPENEFS_CHECK((*again)->members().size() == now.members().size());
    OPENEFS_CHECK(!now.members().contains(kSelf) && !now.members().contains(0));
    for (const auto& [node, member] : now.members()) {
      const pb::ReplicaMember* found = (*again)->Find(node);
      OPENEFS_CHECK(found != nullptr && found->SerializeAsString() == member.SerializeAsString());
      OPENEFS_CHECK(member.node_id() == node && member.incarnation().size() == kIncarnationBytes);
    }
    if (now.formed())
      OPENEFS_CHECK(std::is_sorted(now.first_voters().begin(), now.first_voters().end()));
    if (!formed_at_start_) return;
    OPENEFS_CHECK(now.formed() && now.first_voters() == kVoters && now.members().size() == 2);
    for (const NodeId node : {1, 3}) {
      OPENEFS_CHECK(now.Find(node)->incarnation() == IncarnationOf(node));
    }
  }

  const TempDir dir_;
  SeededRandom random_{42};
  std::string incarnation_;
  bool formed_at_start_ = false;
  int64_t now_ms_ = 1'000;
  std::set<std::pair<NodeId, uint64_t>> introduced_;
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  std::vector<std::shared_ptr<End>> ends_;
  std::shared_ptr<End> opened_[2];
  std::shared_ptr<End> dialed_;
  NoServer server_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Peers> peers_;
};

// ---- the script -----------------------------------------------------------------------------

class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  // A length and as many bytes.
  std::string Bytes() {
    const size_t length = Byte() | size_t{Byte()} << 8;
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(taken.size());
    return std::string(taken);
  }

 private:
  std::string_view bytes_;
};

// One that would be believed, unless the script says otherwise.
pb::PeerHello HelloOf(const Node& node, Script& script) {
  const uint8_t how = script.Byte();
  const NodeId from = how % 5;
  pb::PeerHello hello;
  hello.set_protocol_version(kPeerProtocolVersion);
  hello.set_cluster_id(kCluster);
  hello.set_node_id(from);
  hello.set_to(kSelf);
  hello.set_incarnation(IncarnationOf(from));
  hello.set_session(SessionOf(from));
  hello.set_formed((how & 0x20) != 0);
  for (const NodeId voter : kVoters) hello.add_first_voters(voter);
  for (const pb::ReplicaMember& member : node.Members()) *hello.add_members() = member;
  if ((how & 0x40) != 0) hello.clear_members();
  if ((how & 0x80) != 0) hello.clear_first_voters();
  hello.MergeFromString(script.Bytes());
  return hello;
}

pb::RaftMessageBatch BatchOf(const Node& node, Script& script) {
  pb::RaftMessageBatch batch;
  batch.set_cluster_id(kCluster);
  batch.set_from(script.Byte() % 5);
  batch.set_from_session(SessionOf(batch.from()));
  batch.set_to_session(node.session());
  batch.MergeFromString(script.Bytes());
  return batch;
}

void Say(Node& node, int stream, rpc::FrameKind kind, rpc::Method method, std::string header) {
  rpc::Frame frame{.kind = kind, .method = static_cast<uint32_t>(method), .call_id = 1};
  frame.message.header = std::move(header);
  node.stream(stream).Receive(std::move(frame));
}

void Answer(Node& node, int stream, Script& script) {
  rpc::Frame frame{.kind = rpc::FrameKind::kReply};
  frame.call_id = node.stream(stream).TakeCall();
  frame.status = static_cast<absl::StatusCode>(script.Byte() % 17);
  if (frame.status == absl::StatusCode::kOk) {
    pb::PeerWelcome welcome;
    *welcome.mutable_hello() = HelloOf(node, script);
    welcome.MergeFromString(script.Bytes());
    frame.message.header = welcome.SerializeAsString();
  } else {
    frame.message.header = script.Bytes();
  }
  node.stream(stream).Receive(std::move(frame));
}

void SayRaw(Node& node, int stream, Script& script) {
  auto frames = rpc::DecodeBatch({Buffer::FromString(script.Bytes())});
  if (!frames.ok()) return node.Reconnect(stream);
  for (rpc::Frame& frame : *frames) node.stream(stream).Receive(std::move(frame));
}

void Act(Node& node, Script& script) {
  const uint8_t what = script.Byte();
  const int stream = what / 8 % 3;
  switch (what % 8) {
    case 0:
      return SayRaw(node, stream, script);
    case 1:
      return node.Reconnect(stream);
    case 2:
      return node.Tick(script.Byte() * 10);
    case 3:
      return Answer(node, stream, script);
    case 4: {
      pb::SnapshotRequest request;
      *request.mutable_envelope() = BatchOf(node, script);
      request.MergeFromString(script.Bytes());
      return Say(node, stream, rpc::FrameKind::kRequest, rpc::Method::kSnapshot,
                 request.SerializeAsString());
    }
    case 5:
      return Say(node, stream, rpc::FrameKind::kOneWay, rpc::Method::kRaftMessages,
                 BatchOf(node, script).SerializeAsString());
    default:
      return Say(node, stream, rpc::FrameKind::kRequest, rpc::Method::kPeerHello,
                 HelloOf(node, script).SerializeAsString());
  }
}

}  // namespace
}  // namespace openefs::replication::testing

// Deadlines of calls outlive an input for a moment, which libFuzzer takes for a leak to be looked
// into after each of them: that is all it would do.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  openefs::SetLogLevel(openefs::LogLevel::kError);
  // Who is on record is made durable: that shall not wait for a disk here.
  struct stat memory;
  if (stat("/dev/shm", &memory) == 0) setenv("TMPDIR", "/dev/shm", /*overwrite=*/0);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace openefs::replication::testing;
  Script script({reinterpret_cast<const char*>(data), size});
  Node node(/*formed=*/(script.Byte() & 1) != 0);
  node.Tick(0);
  for (int i = 0; i < kMaxActions && !script.empty(); ++i) {
    Act(node, script);
    node.Settle();
  }
  return 0;
}
