// Inbox: everything that happens to the event loop of a node. Whoever has news adds it under one
// short lock; the loop takes all there is at once, so what came while it was busy becomes one
// batch.
//
// One thread at a time takes a turn of the loop: its own, or, while that sleeps, one that brings
// news in a Turn that lends it (common/turn.h), at the end of that. So what a peer asks is answered
// by the thread that reads from the network, and no other one is woken.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/turn.h"
#include "proto/raft.pb.h"
#include "replication/node/in_flight.h"
#include "replication/node/membership.h"
#include "replication/node/state_machine.h"
#include "replication/node/transport.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

using BarrierCallback = absl::AnyInvocable<void(absl::Status)>;

struct Proposal {
  GroupId group = 0;
  std::shared_ptr<const std::string> data;
  std::shared_ptr<ProposalContext> context;
  InFlight::Ticket ticket;  // not held: beyond a limit, only to be dropped
};

struct BarrierRequest {
  GroupId group = 0;
  BarrierCallback done;
};

struct MemberRequest {
  GroupId group = 0;
  MemberChange change;
  bool transfer = false;  // instead of a change
  NodeId transfer_to = 0;
  MemberCallback done;
};

struct PersistedWrite {
  GroupId group = 0;
  uint64_t write_id = 0;
};

struct ReadEntries {
  GroupId group = 0;
  raft::Ready::LogRead read;
  std::vector<raft::Entry> entries;
};

struct GroupFailure {
  GroupId group = 0;
  absl::Status why;
  bool rebuild = false;   // its log or its state is not to be trusted any more
  bool can_wait = false;  // while this replica leads and too few others are sound
};

// A group's log and state were reset, durably; or why not.
struct GroupReset {
  GroupId group = 0;
  absl::Status status;
};

struct FlushedIndex {
  GroupId group = 0;
  uint64_t index = 0;
};

struct HelloRequest {
  pb::PeerHello hello;
  Transport::HelloReply reply;
};

struct HelloAnswer {
  NodeId from = 0;
  absl::StatusOr<pb::PeerWelcome> welcome;
};

// A step of a snapshot from a peer.
struct SnapshotArrival {
  pb::SnapshotRequest request;
  BufferList bytes;
  Transport::SnapshotCallback reply;
  uint64_t applied_index = 0;  // of the group here; set by the loop
};

// What became of a snapshot that this node sends or takes.
struct SnapshotNews {
  enum class Kind {
    kCheckpoint,  // made for `follower`, of entry meta.index; or `status`
    kSent,        // `follower` has it, of entry meta.index; or 0: it failed
    kReceived,    // `meta` is complete and durable on this disk
    kInstalled,   // the state machine is that of entry meta.index
    kLogReset,    // the log begins after meta.index
    kFinished,    // nothing is left to do
  };
  GroupId group = 0;
  Kind kind = Kind::kSent;
  NodeId follower = 0;
  uint64_t leader_term = 0;  // with a follower: in which it was asked for
  raft::SnapshotMeta meta;
  absl::Status status;
};

struct LoopInput {
  std::vector<pb::RaftMessageBatch> batches;
  std::vector<HelloRequest> hellos;
  std::vector<HelloAnswer> welcomes;
  std::vector<Proposal> proposals;
  std::vector<BarrierRequest> barriers;
  std::vector<MemberRequest> members;
  std::vector<PersistedWrite> persisted;
  std::vector<ReadEntries> reads;
  std::vector<FlushedIndex> flushed;
  std::vector<SnapshotArrival> snapshots;
  std::vector<SnapshotNews> snapshot_news;
  std::vector<GroupFailure> failures;
  std::vector<GroupReset> resets;
  absl::Status log_failure;
  bool stop = false;

  // Whether only the loop's own thread may take it: it ends the loop, or may wait for the disk.
  bool NeedsOwnThread() const;
};

class Inbox final : public Deferred, public std::enable_shared_from_this<Inbox> {
 public:
  // False once Close was called; what was offered is then left as it is.
  bool AddProposal(Proposal&& proposal);
  bool AddBarrier(BarrierRequest&& request);
  bool AddMembers(MemberRequest&& request);

  // Dropped beyond the limits, as on a network.
  void AddBatch(pb::RaftMessageBatch batch);
  void AddHello(HelloRequest request);
  void AddWelcome(HelloAnswer answer);

  void AddPersisted(std::vector<PersistedWrite> writes);
  void AddRead(ReadEntries read);
  void AddFlushed(FlushedIndex flushed);
  // Answered UNAVAILABLE beyond a limit.
  void AddSnapshot(SnapshotArrival arrival);
  void AddSnapshotNews(SnapshotNews news);
  void AddFailure(GroupFailure failure);
  void AddReset(GroupReset reset);
  void AddLogFailure(absl::Status why);

  // Ends the loop; what is added from now on is refused.
  void Close();

  // For the loop's own thread: what came since the last turn; maybe nothing. Waits for something to
  // come, at most `timeout_ms`, and for the end of a turn that another thread takes. Its own ends
  // with the next call.
  LoopInput Take(int64_t timeout_ms);

  // How a thread takes a turn in place of the loop's own. Set before there is news; not called any
  // more once Take has said to stop.
  using GuestTurn = std::function<void(LoopInput&)>;
  void SetGuestTurn(GuestTurn turn) { guest_turn_ = std::move(turn); }

  void OnTurnEnd() override;

 private:
  enum class Loop {
    kSleeps,  // who adds something calls for a turn
    kCalled,  // somebody will take one
    kRuns,    // looks again by itself
  };

  template <typename Add>
  bool With(Add add);
  bool BeginGuestTurn(LoopInput& in);
  void EndGuestTurn();
  LoopInput TakeInput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  GuestTurn guest_turn_;  // constant once there is news

  Mutex mu_;
  CondVar news_;  // for the loop's own thread
  LoopInput input_ ABSL_GUARDED_BY(mu_);
  size_t messages_ ABSL_GUARDED_BY(mu_) = 0;
  size_t message_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool has_news_ ABSL_GUARDED_BY(mu_) = false;
  Loop loop_ ABSL_GUARDED_BY(mu_) = Loop::kRuns;
  bool own_turn_due_ ABSL_GUARDED_BY(mu_) = false;  // the loop's own thread comes next
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace openefs::replication
