// Raft: one replica of one group as a pure function of (state, input). No clock, disk, socket,
// thread or randomness: time comes as ticks, randomness as a seed, and disk and state machine are
// peers that acknowledge what Ready handed them.
//
//   Tick, Step, Propose, ReadBarrier, OnPersisted, OnApplied, OnEntriesRead
//     -> TakeReady -> {messages, writes, committed entries, barriers, role}
//
// On top of the paper: PreVote and CheckQuorum (thesis 9.6, 6.2), a no-op at the start of a term,
// read barriers (thesis 6.4), pipelining with bounded flight, fast back-up over conflicts. The
// leader's disk write runs beside replication: its own log counts towards a quorum only once
// durable, and no replica hands out entries to apply that are not durable on itself.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "proto/raft.pb.h"
#include "replication/raft/entry.h"
#include "replication/raft/log_view.h"
#include "replication/raft/progress.h"

namespace openefs::replication::raft {

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };

// Faults that tests plant to prove that the checkers find them.
enum class PlantedBug {
  kNone,
  kAckBeforePersist,      // a follower acknowledges what its disk has not got
  kCommitOlderTerm,       // entries of older terms are committed by counting (paper figure 8)
  kVoteBeforePersist,     // a vote is sent before it is durable
  kBarrierWithoutQuorum,  // a leader trusts itself
  kCountOwnUnstableLog,   // the leader's own log counts before it is durable
  kVoteForStaleLog,       // the candidate's log is not compared
};

struct RaftOptions {
  NodeId id = 0;
  std::vector<NodeId> voters;  // includes `id`
  int heartbeat_ticks = 2;
  int election_ticks = 10;  // and up to twice that by chance
  uint64_t seed = 0;        // of the election timeouts
  FlightLimits flight;
  // Entries kept in memory after they are durable and applied, for followers a little behind.
  size_t cache_bytes = size_t{16} << 20;
  // A follower that has not applied this much takes no more entries until it has.
  size_t max_unapplied_bytes = size_t{256} << 20;
  PlantedBug planted_bug = PlantedBug::kNone;
};

// What is on disk when a replica starts.
struct DurableState {
  HardState hard_state;
  LogView::Contents log;  // `recent` reaches down to applied_index + 1
  uint64_t applied_index = 0;
};

struct Ready {
  // Go out at once.
  std::vector<pb::RaftMessage> messages;

  // 0: nothing to write. Otherwise OnPersisted(write_id) once this and all earlier writes are
  // durable. An entry takes the place of one at its index and of all after that.
  uint64_t write_id = 0;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;

  // Go out once every write up to here is durable.
  std::vector<pb::RaftMessage> messages_after_write;

  // For the state machine, in order.
  std::vector<Entry> committed;

  // Barriers that hold once what was handed out in `committed`, this included, is applied.
  std::vector<uint64_t> barriers_released;
  std::vector<uint64_t> barriers_dropped;

  // Read [low, low + ...) from the log and hand it to OnEntriesRead.
  struct LogRead {
    NodeId follower = 0;
    uint64_t term = 0;
    uint64_t low = 0;
  };
  std::vector<LogRead> reads;
};

class Raft {
 public:
  // `durable.log` ends at or after applied_index.
  Raft(RaftOptions options, DurableState durable);

  // ---- input ----
  void Tick();
  void Step(pb::RaftMessage message);

  // Appends one entry each and returns the index of the first; 0 if this replica does not lead.
  uint64_t Propose(std::vector<std::shared_ptr<const std::string>> batch);

  // `id` grows from call to call. Comes back in Ready as released or dropped.
  void ReadBarrier(uint64_t id);

  // Stands for election now, as if the timeout had passed.
  void Campaign();

  void OnPersisted(uint64_t write_id);
  void OnApplied(uint64_t index);
  void OnEntriesRead(const Ready::LogRead& read, std::vector<Entry> entries);

  // Forgets entries below `first_index`: at most truncate_below() and what is applied.
  void Compact(uint64_t first_index);

  // ---- output ----
  bool HasReady() const;
  Ready TakeReady();

  // ---- state ----
  NodeId id() const { return options_.id; }
  Role role() const { return role_; }
  bool leads() const { return role_ == Role::kLeader; }
  uint64_t term() const { return hard_.term; }
  NodeId leader() const { return leader_; }
  uint64_t commit_index() const { return hard_.commit; }
  const LogView& log() const { return log_; }
  // Leader: index of the no-op that opened the term.
  uint64_t term_start() const { return term_start_; }
  // No voter needs entries below (from another replica).
  uint64_t truncate_below() const { return truncate_below_; }
  const std::map<NodeId, Progress>& progress() const { return progress_; }

 private:
  // raft.cc
  bool AcceptTerm(const pb::RaftMessage& m);
  void AnswerOldTerm(const pb::RaftMessage& m);
  void Dispatch(pb::RaftMessage& m);
  pb::RaftMessage MakeMessage(pb::RaftMessage::Type type, NodeId to) const;
  void SendNow(pb::RaftMessage m);
  void SendWhenDurable(pb::RaftMessage m);
  void Reply(pb::RaftMessage m);
  bool HardStateDurable() const;
  bool IsVoter(NodeId node) const;

  // election.cc
  void TickElection();
  void BecomeFollower(uint64_t term, NodeId leader);
  void BecomePreCandidate();
  void BecomeCandidate();
  void BecomeLeader();
  void ResetElectionTimer();
  bool HeardFromLeaderLately() const;
  bool LogIsUpToDate(const pb::RaftMessage& m) const;
  void HandleVoteRequest(const pb::RaftMessage& m);
  void HandleVoteReply(const pb::RaftMessage& m);
  void CountVote(NodeId voter, bool granted);
  void CountOwnVote();
  void CheckQuorum();

  // replicate.cc: the leader's side
  void TickLeader();
  void AppendOwn(EntryKind kind, std::shared_ptr<const std::string> data);
  void BroadcastAppend();
  void MaybeSendAppend(NodeId to, Progress& progress);
  void SendAppend(NodeId to, Progress& progress, uint64_t low, const std::vector<Entry>& entries);
  void BroadcastHeartbeat();
  void ProbeStalledFollowers();
  void HandleAppendReply(const pb::RaftMessage& m);
  void HandleHeartbeatReply(const pb::RaftMessage& m);
  void MaybeCommit();
  void UpdateTruncateBelow();

  // follow.cc: the follower's side
  void HandleAppend(pb::RaftMessage& m);
  void HandleHeartbeat(const pb::RaftMessage& m);
  bool AppendIsSane(const pb::RaftMessage& m) const;
  void StoreEntries(pb::RaftMessage& m);
  void CommitTo(uint64_t index);
  void AcknowledgeAppend(NodeId leader, uint64_t index);
  void RejectAppend(const pb::RaftMessage& m);

  // read_barrier.cc
  struct Barrier {
    uint64_t id = 0;
    uint64_t index = 0;  // what must be applied
    bool confirmed = false;
  };
  void ConfirmBarriers();
  void ReleaseBarriers(Ready& ready);
  void DropBarriers();
  bool BarrierReleasable() const;

  // ready.cc
  uint64_t AppliableIndex() const;
  void TakeWrites(Ready& ready);
  void TakeCommitted(Ready& ready);

  const RaftOptions options_;

  LogView log_;
  HardState hard_;
  HardState hard_handed_out_;
  uint64_t applying_;  // handed out up to here
  uint64_t applied_;
  uint64_t truncate_below_ = 0;

  Role role_ = Role::kFollower;
  NodeId leader_ = 0;
  uint64_t term_start_ = 0;
  int election_elapsed_ = 0;
  int heartbeat_elapsed_ = 0;
  int election_timeout_ = 0;
  uint64_t random_state_;
  std::map<NodeId, bool> votes_;
  std::map<NodeId, Progress> progress_;  // leader only: the other voters

  uint64_t last_write_id_ = 0;
  uint64_t persisted_write_id_ = 0;
  uint64_t hard_state_write_id_ = 0;  // the last write that carried a new term or vote

  std::deque<Barrier> barriers_;
  uint64_t last_barrier_id_ = 0;
  std::vector<uint64_t> barriers_dropped_;

  std::vector<pb::RaftMessage> messages_;
  std::vector<pb::RaftMessage> messages_after_write_;
  std::vector<Ready::LogRead> reads_;
};

}  // namespace openefs::replication::raft
