// Raft: one replica of one group as a pure function of (state, input). No clock, disk, socket,
// thread or randomness: time comes as ticks, randomness as a seed, and disk and state machine are
// peers that acknowledge what Ready handed them.
//
//   Tick, Step, Propose, ReadBarrier, OnPersisted, OnApplied, OnEntriesRead,
//   ProposeConfiguration, TransferLeadership, InstallSnapshot, OnSnapshotInstalled, OnSnapshotSent
//     -> TakeReady -> {messages, writes, committed entries, barriers, snapshots, configuration}
//
// On top of the paper: PreVote and CheckQuorum (thesis 9.6, 6.2), a no-op at the start of a term,
// read barriers (thesis 6.4), pipelining with bounded flight, fast back-up over conflicts, learners
// and joint consensus, leadership transfer (thesis 3.10), snapshots (paper section 7), and read
// leases as an option. The leader's disk write runs beside replication: its own log counts towards
// a quorum only once durable, and no replica hands out entries to apply that are not durable on
// itself.
//
// Snapshots: the core knows index, term and configuration; the bytes are the caller's affair.
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
#include "replication/raft/configuration.h"
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
  // A configuration takes effect when it is committed, and by one majority instead of two.
  kConfigurationWhenCommitted,
  kOldAnswerConfirmsBarrier,  // any answer counts for all barriers, whichever number it echoes
  kAnswerAfterDeposition,     // barriers that wait when leadership goes are released
  kLeaseDuringTransfer,       // a lease is trusted while, and after, leadership is handed over
  kLeaseOnStalledClock,       // a lease is judged by ticks, which a pause does not count
  kVoteWithinLease,           // the promise behind a lease is forgotten with the term or a restart
  kInstallOldSnapshot,        // a snapshot's index is not compared with the commit index
};

// Read leases: a leader that a majority answered answers read barriers without another round for a
// while, because that majority promised to elect nobody else until then. Off by default: it trusts
// clocks. All replicas of a group must have the same settings; one without never vouches.
//
// Safe as long as, measured over any span of the same length, the clocks (CLOCK_BOOTTIME, which
// goes on in a suspended machine) that drive OnTime and Tick differ by less than the bound, and two
// ticks are never closer together than tick_us.
struct LeaseOptions {
  uint64_t tick_us = 0;            // 0: no leases
  uint64_t max_drift_percent = 5;  // of each clock from true time, either way

  bool enabled() const { return tick_us != 0; }
};

struct RaftOptions {
  NodeId id = 0;
  int heartbeat_ticks = 2;
  int election_ticks = 10;  // and up to twice that by chance
  uint64_t seed = 0;        // of the election timeouts
  FlightLimits flight;
  // A learner that catches up must not crowd out the voters, whom writes wait for.
  FlightLimits learner_flight = {.max_inflight_bytes = size_t{4} << 20,
                                 .max_inflight_messages = 64};
  LeaseOptions lease;
  // Entries kept in memory after they are durable and applied, for followers a little behind.
  size_t cache_bytes = size_t{16} << 20;
  // A follower that has not applied this much takes no more entries until it has.
  size_t max_unapplied_bytes = size_t{256} << 20;
  // One with more committed entries than these to apply, as after a crash, stands for no election:
  // leading, it would keep everybody waiting until it had applied them. Without a leader they
  // become no more, so it stands in the end. Above what is under way in a follower that keeps up.
  uint64_t max_unapplied_to_lead = 2048;
  PlantedBug planted_bug = PlantedBug::kNone;
};

// What is on disk when a replica starts.
struct DurableState {
  HardState hard_state;
  LogView::Contents log;  // `recent` reaches down to applied_index + 1
  uint64_t applied_index = 0;
  // As of the log's front, that is of entry log.first_index - 1. Without voters: a replica that
  // waits to be added to its group; it stands in no election.
  Configuration configuration;
  // Of the kConfiguration entries that the log holds, by index.
  std::map<uint64_t, Configuration> configurations;
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

  // Followers that want entries which the log no longer has: send a snapshot of this state machine
  // and call OnSnapshotSent. Asked once until then, and only of followers that answer heartbeats.
  struct SnapshotRequest {
    NodeId follower = 0;
    uint64_t term = 0;
  };
  std::vector<SnapshotRequest> snapshots_to_send;

  // After the write above: replace the state machine by this snapshot, then the log (no entries,
  // its front after meta.index, meta.configuration), durably; then OnSnapshotInstalled. Nothing is
  // handed out to apply before.
  std::optional<SnapshotMeta> install;

  // The configuration in effect, when it or its being committed has changed.
  struct ConfigurationNews {
    Configuration configuration;
    uint64_t index = 0;  // of its entry
    bool committed = false;
  };
  std::optional<ConfigurationNews> configuration;
};

class Raft {
 public:
  // `durable.log` ends at or after applied_index, and begins at or before applied_index + 1.
  Raft(RaftOptions options, DurableState durable);

  // ---- input ----
  void Tick();
  void Step(pb::RaftMessage message);

  // With leases: a reading of the node's clock, taken after the barriers were asked for that are
  // handed in next. Never goes back.
  void OnTime(uint64_t now_us);

  // Appends one entry each and returns the index of the first; 0 if this replica does not lead or
  // hands leadership over (see accepts_proposals).
  uint64_t Propose(std::vector<std::shared_ptr<const std::string>> batch);

  // `id` grows from call to call. Comes back in Ready as released or dropped.
  void ReadBarrier(uint64_t id);

  // Stands for election now, as if the timeout had passed. Nothing happens on one that has no vote,
  // has much to apply, installs a snapshot or, with leases, has vouched for a leader.
  void Campaign();

  // Begins to change the group to `target` (not joint) and returns the index of the first entry
  // about it, or 0: not leader, no entry of this term is committed yet, another change or a
  // transfer is under way, `target` is not valid or what is in effect already. Other voters come
  // into effect through a joint configuration; the leader appends the final one by itself. Whether
  // new voters have caught up as learners first is for the caller to see (see progress).
  uint64_t ProposeConfiguration(Configuration target);

  // Hands leadership to a voter that gets what it lacks first; no proposals are taken meanwhile.
  // Given up after one election timeout. False: not leader, `to` is no other voter of the
  // (incoming) configuration or wants a snapshot, or another transfer is under way.
  bool TransferLeadership(NodeId to);

  void OnPersisted(uint64_t write_id);
  void OnApplied(uint64_t index);
  void OnEntriesRead(const Ready::LogRead& read, std::vector<Entry> entries);

  // Forgets entries below `first_index`, at most those applied. A follower that wants them gets a
  // snapshot; truncate_below() tells which nobody wants.
  void Compact(uint64_t first_index);

  // What came of Ready::snapshots_to_send: a snapshot of entry `index` is whole on the follower's
  // disk, or 0: it failed, which is tried again with a later heartbeat. Keep the log from `index` +
  // 1 on until then, or another snapshot follows.
  void OnSnapshotSent(NodeId follower, uint64_t index);

  // A follower's log was reset: what it has acknowledged counts no more, it begins anew. What it
  // said before must not be stepped any more.
  void ForgetProgress(NodeId follower);

  // A snapshot is whole and verified on this node's disk. True: Ready will say to install it.
  // False: it is not wanted (its entries are here already, or another one is being installed).
  bool InstallSnapshot(SnapshotMeta meta);
  // State machine and log are replaced, durably. `index` is that of Ready::install.
  void OnSnapshotInstalled(uint64_t index);

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
  // Until which reading of its clock this leader is surely the only one, as things are; 0: no
  // lease.
  uint64_t LeaseEndUs() const;
  // A hint: no member that the leader knows of needs entries below from another replica. A follower
  // that is away, or gets a snapshot, holds it up without bound; see Compact.
  uint64_t truncate_below() const { return truncate_below_; }
  // Leader: voters and learners but itself.
  const std::map<NodeId, Progress>& progress() const { return progress_; }

  // Whether Propose would take something now.
  bool accepts_proposals() const { return leads() && transferee_ == 0; }
  NodeId transferee() const { return transferee_; }  // 0: no transfer under way

  // In effect here, the index of its entry, and whether that is committed.
  const Configuration& configuration() const;
  uint64_t configuration_index() const { return history_.current_index(); }
  bool configuration_committed() const { return configuration_index() <= hard_.commit; }
  // As of entry `index`, in [first_index - 1, last_index].
  const Configuration& ConfigurationAt(uint64_t index) const { return history_.At(index); }
  // Of a state machine as of `index`, at most the commit index; nothing if this replica does not
  // know enough, as one that was added not long ago, or whose log is cut beyond `index`.
  std::optional<SnapshotMeta> SnapshotAt(uint64_t index) const;
  bool installing() const { return installing_.has_value(); }

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

  // election.cc
  void TickElection();
  void BecomeFollower(uint64_t term, NodeId leader);
  void BecomePreCandidate();
  void BecomeCandidate(bool transfer);
  void BecomeLeader();
  void ResetElectionTimer();
  bool HeardFromLeaderLately() const;
  bool MayBeElected() const;
  bool CanCampaign() const;
  bool HasMuchToApply() const;
  void AskForVotes(pb::RaftMessage::Type type, bool transfer);
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
  void SendHeartbeat(NodeId to, const Progress& progress);
  const FlightLimits& LimitsFor(NodeId node) const;
  void NeedSnapshot(NodeId to, Progress& progress);
  void MaybeRequestSnapshot(NodeId to, Progress& progress);
  void ProbeStalledFollowers();
  void HandleRejection(const pb::RaftMessage& m, Progress& progress);
  void HandleAppendReply(const pb::RaftMessage& m);
  void HandleHeartbeatReply(const pb::RaftMessage& m);
  void MaybeCommit();
  void UpdateTruncateBelow();

  // membership.cc
  void AppendConfiguration(Configuration configuration);
  void AdvanceConfiguration();
  void UpdateMembers();
  void LeaveLeadership();

  // transfer.cc
  void TickTransfer();
  void ContinueTransfer();
  void HandleTimeoutNow(const pb::RaftMessage& m);

  // lease.cc
  bool PromisedToLeader() const;
  bool LeaseHolds() const;
  void NoteLeaseAnswer(const pb::RaftMessage& m, Progress& progress) const;

  // follow.cc: the follower's side
  void HandleAppend(pb::RaftMessage& m);
  void HandleHeartbeat(const pb::RaftMessage& m);
  void NoteLeader(const pb::RaftMessage& m);
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
  void AskAboutBarriers();
  void NotePrompt(uint64_t confirmed);
  void ForgetPrompt();
  void ConfirmBarriers();
  void ReleaseBarriers(Ready& ready);
  void DropBarriers();
  bool BarrierReleasable() const;

  // ready.cc
  uint64_t AppliableIndex() const;
  void TakeWrites(Ready& ready);
  void TakeCommitted(Ready& ready);
  Ready::ConfigurationNews CurrentConfiguration() const;
  bool ConfigurationIsNews() const;

  const RaftOptions options_;

  LogView log_;
  HardState hard_;
  HardState hard_handed_out_;
  uint64_t applying_;  // handed out up to here
  uint64_t applied_;
  uint64_t truncate_below_ = 0;

  ConfigurationHistory history_;
  Ready::ConfigurationNews configuration_told_;

  std::optional<SnapshotMeta> installing_;
  bool install_handed_out_ = false;

  Role role_ = Role::kFollower;
  NodeId leader_ = 0;
  uint64_t term_start_ = 0;
  int election_elapsed_ = 0;
  int heartbeat_elapsed_ = 0;
  int election_timeout_ = 0;
  uint64_t random_state_;
  std::map<NodeId, bool> votes_;
  std::map<NodeId, Progress> progress_;  // leader only: the other members

  NodeId transferee_ = 0;
  int transfer_elapsed_ = 0;

  uint64_t now_us_ = 0;         // of OnTime
  bool lease_void_ = false;     // until the term ends: somebody was told to stand for election
  int ticks_since_leader_ = 0;  // or since the start, when what was promised before is not known

  uint64_t last_write_id_ = 0;
  uint64_t persisted_write_id_ = 0;
  uint64_t hard_state_write_id_ = 0;  // the last write that carried a new term or vote

  std::deque<Barrier> barriers_;
  uint64_t last_barrier_id_ = 0;
  std::vector<uint64_t> barriers_dropped_;
  std::vector<NodeId> prompt_;  // members that are asked about barriers; empty: all are
  uint64_t asked_of_all_ = 0;   // the first barrier since the last tick that all were asked about

  std::vector<pb::RaftMessage> messages_;
  std::vector<pb::RaftMessage> messages_after_write_;
  std::vector<Ready::LogRead> reads_;
  std::vector<Ready::SnapshotRequest> snapshots_to_send_;
};

}  // namespace openefs::replication::raft
