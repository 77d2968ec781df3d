// RaftNode: implements ReplicaNode with an event loop, a log writer, a log reader and the groups.
//
//   Propose, ReadBarrier, transport -> Inbox -> loop: Group::Process -> LogWriter, Outbox, Applier
//                                        ^---- persisted, flushed, read ----'
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "common/mutex.h"
#include "replication/log/log_store.h"
#include "replication/node/applier_pool.h"
#include "replication/node/group.h"
#include "replication/node/in_flight.h"
#include "replication/node/inbox.h"
#include "replication/node/log_reader.h"
#include "replication/node/log_writer.h"
#include "replication/node/node_snapshots.h"
#include "replication/node/peers.h"
#include "replication/node/quiet.h"
#include "replication/node/replica_node.h"

namespace openefs::replication {

class RaftNode final : public ReplicaNode {
 public:
  RaftNode(ReplicaNodeOptions options, Transport* transport, const Clock* clock);
  ~RaftNode() override { Stop(); }

  void AddGroup(GroupId group, StateMachine* machine) override;
  absl::Status Start() override;
  void Stop() override;
  void Propose(GroupId group, std::string data, std::shared_ptr<ProposalContext> context) override;
  void ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) override;
  bool MayReadAtOnce(GroupId group) const override;
  void SendDigests(GroupId group, const std::vector<StateDigest>& digests) override;
  void Fail(GroupId group, absl::Status why) override;
  void Rebuild(GroupId group, absl::Status why) override;
  GroupStatus Status(GroupId group) const override;
  NodeState State() const override;
  void ChangeMembers(GroupId group, MemberChange change, MemberCallback done) override;
  void TransferLeadership(GroupId group, NodeId to, MemberCallback done) override;
  void HandOver(int64_t timeout_ms) override;

 private:
  absl::Status OpenPeers();
  void OpenSnapshots();
  absl::Status OpenGroups();
  absl::Status OpenGroup(GroupId id, StateMachine* machine);
  absl::StatusOr<LogStore::GroupLog> LoadLog(GroupId id, StateMachine* machine) const;
  absl::StatusOr<raft::DurableState> LoadGroup(GroupId id, StateMachine* machine);

  // The loop's own thread.
  void Run();

  // In a turn of the loop: on its own thread, or on one that takes a turn in its place (inbox.h).
  void RunGuestTurn(LoopInput& in);
  void Begin(LoopInput& in);
  void Dispatch(LoopInput& in);
  void DispatchPeers(LoopInput& in);
  void DispatchFailures(LoopInput& in);
  void DispatchSnapshots(LoopInput& in);
  void LimitLogs();
  void TickPeers();
  void PublishState(const absl::Status& fatal);
  void GiveUp(const absl::Status& why);
  void TickAll();
  void ProcessDirty();
  void PublishLease(GroupId id, uint64_t readable_until_us);
  void DropInput(LoopInput& in);
  void Deliver(pb::RaftMessage message);
  void DeliverDigests(const pb::RaftMessage& message);
  Group* Touch(GroupId id);

  // raft_node_members.cc
  void DispatchMembers(LoopInput& in);
  absl::Status CheckChange(const Group& group, const MemberChange& change) const;
  void NoteConfigurations(std::vector<ConfigurationChange> changes);

  // raft_node_quiet.cc
  const QuietVouch& VouchFor(NodeId peer);
  const QuietVouch& ExpectedOf(NodeId peer);
  void CheckVouch(const pb::RaftMessageBatch& batch);
  void WakeFollowersOf(NodeId peer);
  void OnPeerLost(NodeId peer);
  void OnPeerBack(NodeId peer);

  // raft_node_rebuild.cc
  absl::Status OnLogDamage(const absl::Status& damage);
  absl::Status RecoverGroups();
  absl::Status RecoverGroup(GroupId id, StateMachine* machine);
  void AddRebuild(pb::GroupRebuild mark);
  void BeginRebuild(const GroupFailure& failure);
  void TickRebuilds();
  void OnRebuildReply(const pb::RaftMessage& reply);
  GroupResetJob ResetJobFor(const pb::GroupRebuild& mark) const;
  void StartReset(GroupId id, GroupRebuild& rebuild);
  void DispatchResets(LoopInput& in);
  absl::Status EndRebuild(pb::GroupRebuild mark);
  void ReopenGroups();
  void OnRebuildAsked(const pb::RaftMessage& asked);
  absl::StatusOr<bool> DemoteFor(const pb::RaftMessage& asked, pb::ReplicaMember member,
                                 pb::RaftMessage* reply);
  absl::Status CheckQuorumWithout(const Group& group, NodeId node) const;
  size_t CountSound(const Group& group, NodeId without) const;
  bool RebuildReached(RebuildStep step) const {
    return !options_.rebuild_fault || options_.rebuild_fault(step).ok();
  }
  int64_t WallMs() const { return clock_->WallNs() / 1'000'000; }

  // Constant after Start.
  const ReplicaNodeOptions options_;
  Transport* const transport_;
  const Clock* const clock_;
  std::map<GroupId, StateMachine*> machines_;
  std::map<GroupId, std::atomic<uint64_t>> readable_until_us_;  // written by the loop
  std::unique_ptr<LogStore> store_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<LogReader> reader_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<NodeSnapshots> snapshots_;
  std::map<GroupId, absl::Status> condemned_;  // before Start
  bool started_ = false;
  std::atomic<bool> running_{false};  // since Start

  InFlight in_flight_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();  // answers may come late

  ApplierPool appliers_;

  // In a turn of the loop only, once it runs.
  bool gave_up_ = false;
  uint64_t turn_us_ = 0;  // with read leases: when this turn of the loop began to act
  bool groups_opened_ = false;
  std::map<GroupId, std::vector<NodeId>> committed_members_;  // as each group knew them last
  std::map<GroupId, std::unique_ptr<Group>> groups_;
  std::map<GroupId, std::unique_ptr<GroupRebuild>> rebuilds_;  // in place of their groups
  std::vector<GroupId> reopen_;
  struct Asked {
    uint64_t life = 0;  // as it will be
    int64_t at_ms = 0;
  };
  std::map<std::pair<GroupId, NodeId>, Asked> asked_;  // the last request to be rebuilt
  std::vector<Group*> dirty_;
  // Those that tick: all that are not quiet, and until the next tick some that are. What
  // a tick costs must not grow with the groups that have nothing to do.
  std::set<GroupId> awake_;
  QuietCheck quiet_check_;
  // Until a group has had something to do again.
  std::map<NodeId, QuietVouch> vouches_;
  std::map<NodeId, QuietVouch> expected_;
  std::unique_ptr<Outbox> outbox_;

  mutable Mutex status_mu_;
  std::map<GroupId, GroupStatus> statuses_ ABSL_GUARDED_BY(status_mu_);
  NodeState state_ ABSL_GUARDED_BY(status_mu_);

  std::thread loop_;
};

}  // namespace openefs::replication
