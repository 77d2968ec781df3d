// Peers: between the groups of a node and its transport. Settles who is who, and who is alive.
//
// Before anything else two nodes exchange a PeerHello each way: protocol version, cluster, node id,
// incarnation, and a session number that is new with every start. Every later batch names the
// sessions of both ends and is dropped unless both are the ones agreed on. So each connection, new
// or broken and made again, carries messages of the two processes that have introduced themselves,
// and of no others.
//
// First formation: a fresh node takes part only once it and all first voters have each other's
// incarnations on record, durably, all the same. From then on, a directory that was wiped has an
// incarnation that nobody knows, and is refused. A node that is added later takes part once a
// formed peer names it as a member.
//
// A copied directory has the right incarnation, but its process has a session of its own: refused
// while the other one is heard of.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/random.h"
#include "replication/node/identity.h"
#include "replication/node/outbox.h"
#include "replication/node/quiet.h"
#include "replication/node/transport.h"

namespace openefs::replication {

// 2: either end of a stream asks and is asked; one that only answers on it would not be heard.
inline constexpr uint32_t kPeerProtocolVersion = 2;

class Peers final : public BatchSink {
 public:
  struct Options {
    std::string cluster_id;
    std::vector<NodeId> first_voters;  // as configured: only for the first formation
    std::string address;               // own, as others reach it
    std::string az;
    int64_t hello_ms = 100;    // between attempts at a peer that does not answer
    int64_t silence_ms = 500;  // a peer not heard of for so long is taken for dead
  };
  // How answers to hellos come back: to the loop, which calls OnWelcome.
  using Deliver = std::function<void(NodeId, absl::StatusOr<pb::PeerWelcome>)>;
  struct View {  // of one peer, for people
    NodeId node = 0;
    std::string address;
    bool connected = false;
    std::string trouble;  // why not, if that is known
  };

  Peers(Options options, std::unique_ptr<Identity> identity, Transport* transport, Deliver deliver,
        RandomSource* random);

  // Any thread: sends if the two have introduced themselves, else drops.
  void Send(NodeId to, pb::RaftMessageBatch batch) override ABSL_LOCKS_EXCLUDED(mu_);

  // Any thread: who says what goes with it. False: the two have not introduced themselves.
  bool Stamp(NodeId to, pb::RaftMessageBatch* batch) const ABSL_LOCKS_EXCLUDED(mu_);

  // Any thread: the same to everybody that may be sent to.
  void Broadcast(const pb::RaftMessage& message) ABSL_LOCKS_EXCLUDED(mu_);

  // ---- in a turn of the loop ----

  // Hellos, signs of life and complaints that are due. `vouch` says what a sign of life to a peer
  // says of quiet groups.
  void Tick(int64_t now_ms, const std::function<QuietVouch(NodeId)>& vouch);
  // Whether the batch is of a peer that may say something; notes that it is alive.
  bool Accept(const pb::RaftMessageBatch& batch, int64_t now_ms);
  pb::PeerWelcome OnHello(const pb::PeerHello& hello, int64_t now_ms);
  void OnWelcome(NodeId from, const absl::StatusOr<pb::PeerWelcome>& welcome, int64_t now_ms);

  bool formed() const { return identity_->formed(); }
  const Identity& identity() const { return *identity_; }
  // Not OK: this node must not go on (its directory was wiped, it was removed, its disk failed).
  const absl::Status& fatal() const { return fatal_; }

  // Members that a configuration names. Errors: as Identity::Record.
  absl::Status Record(const std::vector<pb::ReplicaMember>& members);

  // As Identity::RecordRebuild.
  absl::Status RecordRebuild(const pb::GroupRebuild& rebuild) {
    return identity_->RecordRebuild(rebuild);
  }

  // Peers that were alive at the last call and have since fallen silent or begun a new session.
  std::vector<NodeId> TakeLost() { return std::exchange(lost_, {}); }
  // Those that have come alive since the last call.
  std::vector<NodeId> TakeBack() { return std::exchange(back_, {}); }
  bool Alive(NodeId node) const;
  int64_t HeardMs(NodeId node) const;  // when it was heard of last; 0: unknown
  std::vector<View> Views() const;

  // Tells the peers that this session ends.
  void Leave();

 private:
  struct Peer {
    uint64_t session = 0;   // theirs, agreed on; 0: none
    bool welcomed = false;  // they have agreed to ours
    bool alive = false;
    int64_t heard_ms = 0;
    int64_t next_hello_ms = 0;
    int64_t hello_until_ms = 0;    // one is under way, and given up then; 0: none
    bool same_record = false;      // it has all first voters on record as we do
    int64_t rival_since_ms = 0;    // another session asks for its place
    int64_t rival_ms = 0;          // when it did so last
    int64_t refused_since_ms = 0;  // it takes this node for a copy; 0: no
    std::string trouble;           // what was last complained of
    int64_t next_complaint_ms = 0;
  };
  struct Verdict {
    pb::PeerWelcome::Refusal refusal = pb::PeerWelcome::NONE;
    std::string text;
  };

  pb::PeerHello MakeHello(NodeId to) const;
  Verdict Judge(const pb::PeerHello& hello, int64_t now_ms);
  Verdict JudgeMember(const pb::PeerHello& hello) const;
  Verdict JudgeSession(const pb::PeerHello& hello, int64_t now_ms);
  absl::Status Learn(const pb::PeerHello& hello);
  absl::Status MaybeForm();
  absl::Status Join(const pb::PeerHello& hello);
  void Agree(const pb::PeerHello& hello, int64_t now_ms);
  bool SameRecord(const pb::PeerHello& hello) const;
  void OnRefused(NodeId from, const pb::PeerWelcome& welcome, int64_t now_ms);
  void SayHello(NodeId to, Peer& peer, int64_t now_ms);
  void SetAlive(NodeId node, Peer& peer, bool alive);
  void Complain(Peer& peer, int64_t now_ms, const char* event, NodeId node, std::string text);
  void ComplainOfAbsent(int64_t now_ms);
  void UpdateWanted();
  void PublishSessions() ABSL_LOCKS_EXCLUDED(mu_);

  // Constant.
  const Options options_;
  Transport* const transport_;
  const Deliver deliver_;
  const uint64_t session_;

  // In a turn of the loop only.
  const std::unique_ptr<Identity> identity_;
  std::map<NodeId, Peer> peers_;  // the nodes to keep in touch with
  std::vector<NodeId> lost_;
  std::vector<NodeId> back_;
  absl::Status fatal_;
  int64_t next_absent_ms_ = 0;
  int64_t next_stranger_ms_ = 0;  // complaints of nodes that are not on record

  mutable Mutex mu_;
  std::map<NodeId, uint64_t> sessions_ ABSL_GUARDED_BY(mu_);  // of peers that may be sent to
};

}  // namespace openefs::replication
