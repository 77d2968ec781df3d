// The process of one metadata node: production's groups on one log, with one thread and virtual
// time in place of the node's event loop, log writer, log reader, appliers and workers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "metadata/service/worker_pool.h"
#include "replication/node/inbox.h"
#include "replication/node/log_writer.h"
#include "replication/node/outbox.h"
#include "replication/node/replica_node.h"
#include "tests/sim/node/machine.h"
#include "tests/sim/node/replica.h"

namespace openefs::sim {

class Process final : public replication::ReplicaNode, private replication::BatchSink {
 public:
  using Task = Machine::Task;

  explicit Process(Machine machine);
  ~Process() override;

  // Opens the log and begins. What production refuses is refused.
  absl::Status Start() override { return Start(false); }
  absl::Status Start(bool crash_in_it);

  // The machine loses power now: the log is left as a write under way makes it.
  void LosePower();

  // ---- from outside
  bool ReceiveSnapshot(const SnapshotParcel& parcel);
  void Receive(pb::RaftMessageBatch batch);
  void Execute(std::unique_ptr<pb::SegmentRequest> request, metadata::SegmentCallback done);

  const replication::raft::Raft& core(GroupId group) const;
  bool leads(GroupId group) const { return core(group).leads(); }
  // Its log can no longer be written: it does nothing more until it is started again.
  bool failed() const { return failed_; }

  // ---- ReplicaNode, for the service and for operators
  void AddGroup(GroupId, replication::StateMachine*) override {}
  void Stop() override {}
  void Propose(GroupId group, std::string data,
               std::shared_ptr<replication::ProposalContext> context) override;
  void ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) override;
  bool MayReadAtOnce(GroupId group) const override;
  void SendDigests(GroupId group, const std::vector<replication::StateDigest>& digests) override;
  void Fail(GroupId group, absl::Status why) override;
  void ChangeMembers(GroupId group, replication::MemberChange change,
                     replication::MemberCallback done) override;
  void TransferLeadership(GroupId group, NodeId to, replication::MemberCallback done) override;
  void HandOver(int64_t /*timeout_ms*/) override {}
  replication::GroupStatus Status(GroupId group) const override;

  // All that the replicas have applied is in their stores.
  void Settle() const;
  replication::NodeState State() const override { return {.formed = true}; }

 private:
  // BatchSink
  void Send(NodeId to, pb::RaftMessageBatch batch) override;

  Replica& Find(GroupId group) const;
  void Tick();
  void Tend();
  void Wake();
  void Turn();
  void Dispatch(replication::LoopInput& in);
  void DispatchMessage(pb::RaftMessage message);
  void WakeOthers();
  void WorkerTurn();
  void DeliverDigests(const pb::RaftMessage& message);
  void StartWrite();
  void FinishWrite();
  void Acknowledge(std::vector<replication::WriteTask> tasks);
  void ReadLog(replication::ReadEntries read);
  int64_t DiskDelay(int64_t usual_us);

  const Machine machine_;
  std::unique_ptr<metadata::WorkerPool> workers_;
  replication::InFlight in_flight_;  // outlives what holds its tickets
  replication::Inbox inbox_;
  replication::Outbox outbox_;
  std::vector<std::unique_ptr<Replica>> replicas_;

  std::map<GroupId, uint64_t> readable_until_us_;  // as of the last turn

  std::deque<replication::WriteTask> to_write_;
  std::vector<replication::WriteTask> writing_;
  bool failed_ = false;

  uint64_t turns_ = 0;  // that the event loop took

  // Whether each of them is waiting for its moment already.
  bool turn_posted_ = false;
  bool worker_posted_ = false;
};

}  // namespace openefs::sim
