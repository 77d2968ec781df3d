#include "replication/node/peers.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "replication/raft/configuration.h"

namespace openefs::replication {
namespace {

using Refusal = pb::PeerWelcome;

// The same complaint is made again after this: often enough to be found, seldom enough to be read.
constexpr int64_t kComplainAgainMs = 30'000;
// First formation: processes of a cluster are started within moments of each other.
constexpr int64_t kAbsentAfterMs = 3'000;
// A process that was killed and started again is refused until its earlier session is silent. Only
// what lasts longer than that is a copy.
constexpr int kRivalSilences = 4;
// Of what a peer says is wrong: a line that people read.
constexpr size_t kMaxTextBytes = 1024;
constexpr const char* kWaitsToBeAdded = "raft.waits_to_be_added";
// An answer to a hello that takes longer is not waited for.
constexpr int kHelloSilences = 4;

std::string ShortHex(absl::string_view bytes) { return absl::BytesToHexString(bytes.substr(0, 4)); }

const pb::ReplicaMember* FindIn(const pb::PeerHello& hello, NodeId node) {
  for (const pb::ReplicaMember& member : hello.members()) {
    if (member.node_id() == node) return &member;
  }
  return nullptr;
}

std::vector<NodeId> VotersOf(const pb::PeerHello& hello) {
  return {hello.first_voters().begin(), hello.first_voters().end()};
}

static_assert(kMaxMemberBytes > raft::kMaxNoteBytes);

// Whether a hello is one that a node can send: what is taken on record from it is read again at
// every start, and its voters make the configurations of all groups.
bool IsSound(const pb::PeerHello& hello) {
  const std::vector<NodeId> voters = VotersOf(hello);
  const bool ascending =
      std::adjacent_find(voters.begin(), voters.end(), std::greater_equal<>()) == voters.end();
  if (!ascending || voters.size() > raft::kMaxMembers) return false;
  if (voters.empty() ? hello.formed() : voters.front() == 0) return false;
  if (static_cast<size_t>(hello.members_size()) > kMaxMembers + 1) return false;
  const pb::ReplicaMember* self = FindIn(hello, hello.node_id());
  if (self != nullptr && self->incarnation() != hello.incarnation()) return false;
  return std::all_of(hello.members().begin(), hello.members().end(), [](const auto& member) {
    return member.node_id() != 0 && member.ByteSizeLong() <= kMaxMemberBytes;
  });
}

}  // namespace

Peers::Peers(Options options, std::unique_ptr<Identity> identity, Transport* transport,
             Deliver deliver, RandomSource* random)
    : options_([&] {
        std::sort(options.first_voters.begin(), options.first_voters.end());
        return std::move(options);
      }()),
      transport_(transport),
      deliver_(std::move(deliver)),
      session_(random->Next64() | 1),  // 0 is none
      identity_(std::move(identity)) {
  UpdateWanted();
  fatal_ = MaybeForm();
}

// Whoever is on record; before the first formation, whoever is configured.
void Peers::UpdateWanted() {
  std::set<NodeId> wanted;
  if (!formed()) wanted.insert(options_.first_voters.begin(), options_.first_voters.end());
  for (const auto& [node, member] : identity_->members()) {
    if (member.removed()) continue;
    transport_->LearnAddress(node, member.address());
    wanted.insert(node);
  }
  wanted.erase(identity_->node_id());
  std::erase_if(peers_, [&](const auto& peer) { return !wanted.contains(peer.first); });
  for (const NodeId node : wanted) peers_[node];
  PublishSessions();
}

void Peers::PublishSessions() {
  MutexLock lock(mu_);
  sessions_.clear();
  for (const auto& [node, peer] : peers_) {
    if (peer.welcomed) sessions_[node] = peer.session;
  }
}

void Peers::Send(NodeId to, pb::RaftMessageBatch batch) {
  if (Stamp(to, &batch)) transport_->Send(to, std::move(batch));
}

bool Peers::Stamp(NodeId to, pb::RaftMessageBatch* batch) const {
  {
    MutexLock lock(mu_);
    const auto session = sessions_.find(to);
    if (session == sessions_.end()) return false;
    batch->set_to_session(session->second);
  }
  batch->set_cluster_id(options_.cluster_id);
  batch->set_from(identity_->node_id());
  batch->set_from_session(session_);
  return true;
}

void Peers::Broadcast(const pb::RaftMessage& message) {
  std::vector<NodeId> nodes;
  {
    MutexLock lock(mu_);
    for (const auto& [node, session] : sessions_) nodes.push_back(node);
  }
  for (const NodeId node : nodes) {
    pb::RaftMessageBatch batch;
    *batch.add_messages() = message;
    batch.mutable_messages(0)->set_to(node);
    Send(node, std::move(batch));
  }
}

void Peers::Tick(int64_t now_ms, const std::function<QuietVouch(NodeId)>& vouch) {
  for (auto& [node, peer] : peers_) {
    if (peer.alive && now_ms - peer.heard_ms >= options_.silence_ms) SetAlive(node, peer, false);
    if (now_ms < peer.next_hello_ms) continue;
    peer.next_hello_ms = now_ms + options_.hello_ms;
    if (peer.welcomed) {
      const QuietVouch said = vouch(node);
      pb::RaftMessageBatch sign;
      sign.set_alive(true);
      sign.set_quiet_groups(said.groups);
      sign.set_quiet_sum(said.sum);
      Send(node, std::move(sign));
    }
    const bool agreed = peer.welcomed && peer.alive && formed();
    if (!agreed && now_ms >= peer.hello_until_ms) SayHello(node, peer, now_ms);
  }
  if (!formed()) ComplainOfAbsent(now_ms);
}

void Peers::SayHello(NodeId to, Peer& peer, int64_t now_ms) {
  peer.hello_until_ms = now_ms + kHelloSilences * options_.silence_ms;
  if (next_absent_ms_ == 0) next_absent_ms_ = now_ms + kAbsentAfterMs;
  transport_->Hello(to, MakeHello(to),
                    [deliver = deliver_, to](absl::StatusOr<pb::PeerWelcome> welcome) {
                      deliver(to, std::move(welcome));
                    });
}

pb::PeerHello Peers::MakeHello(NodeId to) const {
  pb::PeerHello hello;
  hello.set_protocol_version(kPeerProtocolVersion);
  hello.set_cluster_id(options_.cluster_id);
  hello.set_node_id(identity_->node_id());
  hello.set_to(to);
  hello.set_incarnation(identity_->incarnation());
  hello.set_session(session_);
  hello.set_formed(formed());
  for (const NodeId voter : formed() ? identity_->first_voters() : options_.first_voters) {
    hello.add_first_voters(voter);
  }
  for (const auto& [node, member] : identity_->members()) *hello.add_members() = member;
  pb::ReplicaMember* self = hello.add_members();
  self->set_node_id(identity_->node_id());
  self->set_incarnation(identity_->incarnation());
  self->set_address(options_.address);
  self->set_az(options_.az);
  return hello;
}

bool Peers::Accept(const pb::RaftMessageBatch& batch, int64_t now_ms) {
  if (batch.cluster_id() != options_.cluster_id || batch.to_session() != session_) return false;
  const auto found = peers_.find(batch.from());
  if (found == peers_.end()) return false;
  Peer& peer = found->second;
  if (peer.session == 0 || batch.from_session() != peer.session) return false;
  if (batch.leaving()) {
    SetAlive(batch.from(), peer, false);
    peer.session = 0;
    peer.welcomed = false;
    PublishSessions();
    return false;
  }
  peer.heard_ms = now_ms;
  if (peer.welcomed) SetAlive(batch.from(), peer, true);
  return formed();
}

pb::PeerWelcome Peers::OnHello(const pb::PeerHello& hello, int64_t now_ms) {
  const Verdict verdict = Judge(hello, now_ms);
  pb::PeerWelcome welcome;
  welcome.set_refusal(verdict.refusal);
  welcome.set_text(verdict.text);
  if (verdict.refusal == Refusal::NONE) {
    Agree(hello, now_ms);
    *welcome.mutable_hello() = MakeHello(hello.node_id());
    return welcome;
  }
  const auto found = peers_.find(hello.node_id());
  Peer stranger;
  stranger.next_complaint_ms = next_stranger_ms_;
  Peer& peer = found == peers_.end() ? stranger : found->second;
  const bool brief = verdict.refusal == Refusal::TWICE &&
                     now_ms - peer.rival_since_ms < kRivalSilences * options_.silence_ms;
  if (!brief) Complain(peer, now_ms, "raft.refuses_peer", hello.node_id(), verdict.text);
  if (found == peers_.end()) next_stranger_ms_ = stranger.next_complaint_ms;
  return welcome;
}

void Peers::OnWelcome(NodeId from, const absl::StatusOr<pb::PeerWelcome>& welcome, int64_t now_ms) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.hello_until_ms = 0;
  if (!welcome.ok()) return;
  if (welcome->refusal() != Refusal::NONE) return OnRefused(from, *welcome, now_ms);
  const Verdict verdict = Judge(welcome->hello(), now_ms);
  if (verdict.refusal == Refusal::NONE) {
    Agree(welcome->hello(), now_ms);
    const auto again = peers_.find(from);  // joining has other peers
    if (again == peers_.end()) return;
    again->second.welcomed = true;
    SetAlive(from, again->second, true);
    PublishSessions();
  } else if (verdict.refusal != Refusal::TWICE) {
    Complain(peer, now_ms, "raft.refuses_peer", from, verdict.text);
  }
}

void Peers::OnRefused(NodeId from, const pb::PeerWelcome& welcome, int64_t now_ms) {
  Peer& peer = peers_[from];
  const std::string text = welcome.text().substr(0, kMaxTextBytes);
  const bool wiped = !formed() && welcome.refusal() == Refusal::OTHER_INCARNATION;
  if (wiped || welcome.refusal() == Refusal::REMOVED) {
    fatal_ =
        absl::FailedPreconditionError(absl::StrCat("refused by metadata node ", from, ": ", text));
    return;
  }
  if (welcome.refusal() == Refusal::NOT_A_MEMBER && !formed()) {
    next_absent_ms_ = now_ms + kComplainAgainMs;
    return Complain(peer, now_ms, kWaitsToBeAdded, from, text);
  }
  if (welcome.refusal() == Refusal::TWICE) {
    if (peer.refused_since_ms == 0) peer.refused_since_ms = now_ms;
    if (now_ms - peer.refused_since_ms < kRivalSilences * options_.silence_ms) return;
  }
  Complain(peer, now_ms, "raft.refused", from, text);
}

// What a hello says is checked before any of it is believed.
Peers::Verdict Peers::Judge(const pb::PeerHello& hello, int64_t now_ms) {
  const NodeId self = identity_->node_id();
  if (hello.protocol_version() != kPeerProtocolVersion) {
    return {Refusal::OTHER_VERSION,
            absl::StrCat("node ", hello.node_id(), " speaks version ", hello.protocol_version(),
                         " of the protocol between metadata nodes, node ", self, " speaks version ",
                         kPeerProtocolVersion)};
  }
  if (hello.cluster_id() != options_.cluster_id) {
    return {Refusal::OTHER_CLUSTER,
            absl::StrCat("node ", hello.node_id(), " belongs to cluster ",
                         absl::BytesToHexString(hello.cluster_id()), ", node ", self,
                         " to cluster ", absl::BytesToHexString(options_.cluster_id))};
  }
  if (hello.to() != self) {
    return {Refusal::OTHER_NODE, absl::StrCat("this is node ", self, ", not node ", hello.to(),
                                              ": the addresses in metadata_nodes are mixed up")};
  }
  if (!IsSound(hello)) {
    return {Refusal::OTHER_VERSION,
            absl::StrCat("the hello of node ", hello.node_id(), " is not one of version ",
                         kPeerProtocolVersion, " of the protocol between metadata nodes")};
  }
  Verdict verdict = JudgeMember(hello);
  return verdict.refusal == Refusal::NONE ? JudgeSession(hello, now_ms) : verdict;
}

Peers::Verdict Peers::JudgeMember(const pb::PeerHello& hello) const {
  const NodeId node = hello.node_id();
  const NodeId self = identity_->node_id();
  if (node == self || node == 0) {
    return {Refusal::TWICE, absl::StrCat("node id ", node, " is in use by two processes")};
  }
  const pb::ReplicaMember* known = identity_->Find(node);
  if (known != nullptr && known->removed()) {
    return {Refusal::REMOVED, absl::StrCat("node ", node,
                                           " was removed from the cluster; add a "
                                           "replica with a new id instead")};
  }
  if (known != nullptr && known->incarnation() != hello.incarnation()) {
    return {Refusal::OTHER_INCARNATION,
            absl::StrCat("node ", node, " comes with another directory (incarnation ",
                         ShortHex(hello.incarnation()), ") than the one it had (",
                         ShortHex(known->incarnation()),
                         "): a replica that lost its data never comes back under its old id; add "
                         "one with a new id in its place (openefs cluster replace-replica)")};
  }
  const pb::ReplicaMember* me = FindIn(hello, self);
  if (me != nullptr && me->incarnation() != identity_->incarnation()) {
    return {Refusal::OTHER_INCARNATION,
            absl::StrCat("node ", node, " knows node ", self, " with another directory")};
  }
  if (formed()) {
    if (known == nullptr) {
      return {Refusal::NOT_A_MEMBER,
              absl::StrCat("node ", node,
                           " is not a member of this cluster; `openefs cluster "
                           "add-replica` makes it one")};
    }
    if (!hello.formed() || VotersOf(hello) == identity_->first_voters()) return {};
  } else if (hello.formed()) {
    if (me != nullptr) return {};
    return {Refusal::NOT_A_MEMBER, absl::StrCat("node ", self, " is not a member yet")};
  } else if (VotersOf(hello) == options_.first_voters) {
    // On record it would count as one for good.
    const std::vector<NodeId>& voters = options_.first_voters;
    if (std::find(voters.begin(), voters.end(), node) != voters.end()) return {};
    return {Refusal::NOT_A_MEMBER,
            absl::StrCat("node ", node, " is not among the first members of this cluster")};
  }
  return {Refusal::OTHER_VOTERS,
          absl::StrCat(
              "node ", node, " was configured with metadata nodes ",
              absl::StrJoin(hello.first_voters(), ","), ", node ", self, " with ",
              absl::StrJoin(formed() ? identity_->first_voters() : options_.first_voters, ","))};
}

// Whoever was there first stays as long as it is heard of.
Peers::Verdict Peers::JudgeSession(const pb::PeerHello& hello, int64_t now_ms) {
  const auto found = peers_.find(hello.node_id());
  if (found == peers_.end()) return {};
  Peer& peer = found->second;
  const bool heard = peer.session != 0 && now_ms - peer.heard_ms < options_.silence_ms;
  if (!heard || peer.session == hello.session()) {
    if (peer.session != hello.session()) peer.rival_since_ms = 0;
    return {};
  }
  if (now_ms - peer.rival_ms >= kRivalSilences * options_.silence_ms) peer.rival_since_ms = now_ms;
  peer.rival_ms = now_ms;
  return {Refusal::TWICE, absl::StrCat("node ", hello.node_id(),
                                       " runs twice, from the same directory or a copy "
                                       "of it: the process that came second is refused")};
}

void Peers::Agree(const pb::PeerHello& hello, int64_t now_ms) {
  const NodeId node = hello.node_id();
  if (const absl::Status learnt = Learn(hello); !learnt.ok()) {
    fatal_ = learnt;
    return;
  }
  const auto found = peers_.find(node);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  if (peer.session != hello.session()) {
    SetAlive(node, peer, false);
    peer.session = hello.session();
    peer.welcomed = false;
    peer.next_hello_ms = now_ms;  // ours goes out at once
  }
  peer.heard_ms = now_ms;
  peer.trouble.clear();
  peer.refused_since_ms = 0;
  PublishSessions();
}

// What a node that does not take part yet learns from one that has been accepted.
absl::Status Peers::Learn(const pb::PeerHello& hello) {
  if (formed()) return absl::OkStatus();
  if (hello.formed()) return Join(hello);
  const pb::ReplicaMember* other = FindIn(hello, hello.node_id());
  const pb::ReplicaMember* known = identity_->Find(hello.node_id());
  if (other != nullptr && known == nullptr) {
    // Durable before it is answered: from here on a wiped one would be noticed.
    if (auto status = identity_->Record({*other}); !status.ok()) return status;
  }
  const auto peer = peers_.find(hello.node_id());
  if (peer != peers_.end()) peer->second.same_record = SameRecord(hello);
  return MaybeForm();
}

bool Peers::SameRecord(const pb::PeerHello& hello) const {
  return std::all_of(options_.first_voters.begin(), options_.first_voters.end(),
                     [&](const NodeId voter) {
                       const pb::ReplicaMember* theirs = FindIn(hello, voter);
                       const pb::ReplicaMember* ours = identity_->Find(voter);
                       if (theirs == nullptr) return false;
                       if (voter == identity_->node_id())
                         return theirs->incarnation() == identity_->incarnation();
                       return ours != nullptr && theirs->incarnation() == ours->incarnation();
                     });
}

// All first voters have the same on record: none of them can be exchanged unnoticed any more.
absl::Status Peers::MaybeForm() {
  const std::vector<NodeId>& voters = options_.first_voters;
  if (formed() || std::find(voters.begin(), voters.end(), identity_->node_id()) == voters.end()) {
    return absl::OkStatus();
  }
  for (const NodeId voter : voters) {
    if (voter != identity_->node_id() && !peers_[voter].same_record) return absl::OkStatus();
  }
  absl::Status status = identity_->Form(voters, {});
  if (status.ok()) Log(LogLevel::kInfo, "raft.formed", {{"node", identity_->node_id()}});
  return status;
}

// A formed node that has this one on record speaks for all of them.
absl::Status Peers::Join(const pb::PeerHello& hello) {
  const std::vector<pb::ReplicaMember> members(hello.members().begin(), hello.members().end());
  absl::Status status = identity_->Form(VotersOf(hello), members);
  if (!status.ok()) return status;
  Log(LogLevel::kInfo, "raft.joined", {{"node", identity_->node_id()}, {"by", hello.node_id()}});
  UpdateWanted();
  return absl::OkStatus();
}

absl::Status Peers::Record(const std::vector<pb::ReplicaMember>& members) {
  const bool known = std::all_of(members.begin(), members.end(), [&](const auto& member) {
    const pb::ReplicaMember* have = identity_->Find(member.node_id());
    return member.node_id() == identity_->node_id() ||
           (have != nullptr && have->SerializeAsString() == member.SerializeAsString());
  });
  if (known) return absl::OkStatus();
  absl::Status status = identity_->Record(members);
  if (status.ok()) UpdateWanted();
  return status;
}

void Peers::SetAlive(NodeId node, Peer& peer, bool alive) {
  const bool before = std::exchange(peer.alive, alive);
  if (before && !alive) lost_.push_back(node);
  if (!before && alive) back_.push_back(node);
}

bool Peers::Alive(NodeId node) const {
  if (node == identity_->node_id()) return true;
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.alive;
}

int64_t Peers::HeardMs(NodeId node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? 0 : found->second.heard_ms;
}

std::vector<Peers::View> Peers::Views() const {
  std::vector<View> views;
  for (const auto& [node, peer] : peers_) {
    const pb::ReplicaMember* member = identity_->Find(node);
    views.push_back({node, member == nullptr ? "" : member->address(), peer.alive,
                     peer.alive ? "" : peer.trouble});
  }
  return views;
}

void Peers::Complain(Peer& peer, int64_t now_ms, const char* event, NodeId node, std::string text) {
  const bool again = text == peer.trouble || peer.trouble.empty();
  if (again && now_ms < peer.next_complaint_ms) {
    peer.trouble = std::move(text);
    return;
  }
  const bool waits = event == kWaitsToBeAdded;
  Log(waits ? LogLevel::kWarning : LogLevel::kError, event,
      {{"node", identity_->node_id()}, {"peer", node}, {"why", text}});
  peer.trouble = std::move(text);
  peer.next_complaint_ms = now_ms + kComplainAgainMs;
}

void Peers::ComplainOfAbsent(int64_t now_ms) {
  if (next_absent_ms_ == 0 || now_ms < next_absent_ms_) return;
  next_absent_ms_ = now_ms + kComplainAgainMs;
  std::vector<NodeId> absent;
  for (const auto& [node, peer] : peers_) {
    if (!peer.same_record) absent.push_back(node);
  }
  Log(LogLevel::kWarning, "raft.waits_to_form",
      {{"node", identity_->node_id()},
       {"for", absl::StrJoin(absent, ",")},
       {"why", "at its first start a cluster needs all of metadata_nodes once"}});
}

void Peers::Leave() {
  for (const auto& [node, peer] : peers_) {
    pb::RaftMessageBatch batch;
    batch.set_leaving(true);
    Send(node, std::move(batch));
  }
  MutexLock lock(mu_);
  sessions_.clear();
}

}  // namespace openefs::replication
