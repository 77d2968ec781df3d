// Group: one Raft group as the event loop of its node sees it: the pure core, and around it what
// connects it to proposers, readers, log and state machine. Everything here runs in a turn of the
// loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "common/metrics/metrics.h"
#include "replication/node/applier.h"
#include "replication/node/group_snapshots.h"
#include "replication/node/inbox.h"
#include "replication/node/log_writer.h"
#include "replication/node/membership.h"
#include "replication/node/outbox.h"
#include "replication/node/replica_node.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

struct ConfigurationChange {
  GroupId group = 0;
  raft::Ready::ConfigurationNews news;
};

// What the groups of a node produce in one turn of the loop.
struct LoopOutput {
  std::vector<WriteTask> writes;
  std::vector<ReadEntries> reads;  // entries still to be read
  std::vector<ConfigurationChange> configurations;
  Outbox* outbox = nullptr;
};

class Group {
 public:
  Group(GroupId id, raft::RaftOptions options, raft::DurableState durable, StateMachine* machine,
        Inbox* inbox, uint64_t flush_log_bytes, GroupSnapshots::Options snapshots = {});

  // Before Start: how often this replica was rebuilt (group_rebuild.h).
  void SetLife(uint64_t life);

  // Begins to apply. A lone voter need not wait for an election.
  void Start(ApplierPool* pool);
  // In place of Start, for the simulator: no thread is made; ApplyQueued does the applier's work
  // and returns false if there was none.
  void StartWithoutThread();
  bool ApplyQueued() { return applier_.RunQueued(); }
  // Everything that waits here is dropped.
  void Stop();

  // ---- input; Process then acts on all of it at once ----
  void Add(Proposal proposal);
  void Add(BarrierCallback done);
  void Add(MemberRequest request);
  void Step(pb::RaftMessage message);
  void Tick();
  // With read leases, before the input of each turn: ReadLeaseTimeUs, read after all of it came.
  void OnTime(uint64_t now_us) { core_.OnTime(now_us); }
  void OnPersisted(uint64_t write_id);
  void OnQuiet(const pb::RaftMessage& message);
  // Heartbeats are wanted again; anything that is asked of the group wakes it too.
  void Wake();
  // The leader's node is gone, and the group was quiet for at least this many ticks of its silence.
  void WakeAfter(int ticks);
  void OnEntriesRead(ReadEntries read);
  void OnFlushed(uint64_t index);
  void OnSnapshotInstalled();
  // This replica does not take part any more.
  void Fail(const absl::Status& why);
  // After Fail, any thread: returns when its state machine is not called any more.
  void StopApplying() { applier_.Stop(); }
  // Before Fail, if it leads: lets another stand for election at once.
  void PassOnLeadership(Outbox& outbox);
  // In which life the configuration in effect knows a member.
  uint64_t LifeOf(NodeId node) const;
  // As Membership::Demote.
  absl::StatusOr<bool> Demote(const pb::ReplicaMember& member);

  void Process(LoopOutput& out);

  // Asks the state machine for a flush if that would let log be deleted.
  void FlushIfItHelps();

  // The log has grown too large for followers that are behind: entries below `below` go unless a
  // snapshot on its way needs them, those below `below_anyway` go in any case.
  void LimitLog(uint64_t below, uint64_t below_anyway);

  GroupSnapshots& snapshots() { return snapshots_; }
  bool failed() const { return failed_; }
  uint64_t applied_index() const { return applier_.applied_index(); }

  // Until when (ReadLeaseTimeUs) the state machine may be read without a barrier; 0: not at all.
  // After Process. What it said before is void as soon as the messages of that turn are sent.
  uint64_t ReadableUntilUs() const;

  // With every tick of one that is awake: goes quiet if nothing is outstanding among those alive.
  void MaybeGoQuiet(const std::function<bool(NodeId)>& alive);
  bool quiet() const { return quiet_; }

  GroupId id() const { return id_; }
  GroupStatus Status() const;
  const raft::Raft& core() const { return core_; }  // for checkers

  bool dirty = false;  // has input that Process has not seen

 private:
  struct Pending {
    uint64_t index = 0;
    uint64_t term = 0;
    std::shared_ptr<ProposalContext> context;
    InFlight::Ticket ticket;
  };
  struct BarrierRound {
    uint64_t id = 0;
    std::vector<BarrierCallback> waiting;
  };

  bool NothingOutstanding() const;
  pb::RaftMessage Say(pb::RaftMessage::Type type, NodeId to) const;
  static bool LetsSleep(const pb::RaftMessage& message);

  void NoteLeadership();
  void NoteRole();
  void NoteConfiguration(const raft::Ready::ConfigurationNews& news);
  bool OfAnEarlierLife(const pb::RaftMessage& message) const;
  void DropPendingAfter(uint64_t index);
  void AppendProposals();
  void StartBarrierRound();
  void HandOut(raft::Ready ready, LoopOutput& out);
  void HandOutWrites(raft::Ready& ready, LoopOutput& out);
  void HandOutCommitted(raft::Ready& ready);
  bool MayHold(const raft::Ready& ready) const;
  std::vector<ApplyTask::Item> TakeHeld();
  void SubmitHeld();
  ApplyTask::Item TakePending(raft::Entry entry);
  void DropRounds(const std::vector<uint64_t>& ids);
  void DropWaiting();
  void RequestFlush();
  uint64_t WantedTruncation() const;
  void MaybeTruncate(LoopOutput& out);

  const GroupId id_;
  const uint64_t flush_log_bytes_;
  raft::Raft core_;
  Applier applier_;
  GroupSnapshots snapshots_;
  Membership membership_;
  bool failed_ = false;

  // Input since the last Process.
  std::vector<Proposal> proposals_;
  std::vector<BarrierCallback> barriers_;

  std::deque<Pending> pending_;  // in the log, by index
  std::deque<BarrierRound> rounds_;
  uint64_t last_round_ = 0;

  uint64_t handed_out_;                // entries up to here went to the applier, or are in held_
  std::vector<ApplyTask::Item> held_;  // committed, not proposed here, not yet with the applier
  size_t held_bytes_ = 0;
  bool ticked_ = false;          // since the last Process
  uint64_t announced_term_ = 0;  // the state machine was told that it leads this term; 0: not
  uint64_t pending_term_ = 0;    // term of what is in pending_

  uint64_t bytes_since_flush_ = 0;
  bool flush_requested_ = false;
  uint64_t flushed_index_ = 0;
  uint64_t limit_below_ = 0;  // see LimitLog
  uint64_t limit_anyway_ = 0;

  uint64_t life_ = 0;
  bool learns_again_ = false;         // was rebuilt, and is no voter yet
  std::map<NodeId, uint64_t> lives_;  // of the others; none: 0

  bool quiet_ = false;
  int idle_ticks_ = 0;
  std::vector<pb::RaftMessage> to_say_;  // to other nodes' groups, past the core

  // What was logged last.
  raft::Role noted_role_ = raft::Role::kFollower;
  NodeId noted_leader_ = 0;
  uint64_t noted_term_ = 0;

  metrics::Counter& proposals_metric_;
  metrics::Counter& elections_metric_;
  metrics::Gauge& leads_metric_;
  metrics::Gauge& commit_metric_;
  metrics::Gauge& applied_metric_;
};

}  // namespace openefs::replication
