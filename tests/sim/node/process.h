// The process of one metadata node: production's replication::Group on its core and its log, and
// production's metadata::Group on top, with one thread and virtual time in place of the node's
// event loop, log writer, log reader, applier and workers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "metadata/service/group.h"
#include "metadata/service/worker_pool.h"
#include "replication/node/group.h"
#include "replication/node/inbox.h"
#include "replication/node/log_writer.h"
#include "replication/node/outbox.h"
#include "replication/node/replica_node.h"
#include "tests/sim/checkers/checkers.h"
#include "tests/sim/disk/kv_disk.h"
#include "tests/sim/disk/log_disk.h"
#include "tests/sim/net/network.h"
#include "tests/sim/node/node_clock.h"
#include "tests/sim/node/snapshot_traffic.h"

namespace openefs::sim {

inline constexpr GroupId kGroup = kFirstNamespaceGroup;

class Process final : public replication::ReplicaNode, private replication::BatchSink {
 public:
  using Task = absl::AnyInvocable<void()>;

  // What the process runs on. All of it outlives the process.
  struct Machine {
    NodeId id = 0;
    std::vector<NodeId> voters;
    const SimOptions* options = nullptr;
    SimRandom* random = nullptr;
    Counts* counts = nullptr;
    Checkers* checkers = nullptr;
    NodeClock* clock = nullptr;
    LogDisk* log = nullptr;
    KvDisk* kv = nullptr;
    Network* network = nullptr;
    const int64_t* slowness = nullptr;  // of the disk: latencies are multiplied by it
    // Runs a task after a delay, if the process still lives, and not while it is paused.
    std::function<void(int64_t delay_ns, Task)> post;
    // A write of the log has begun that takes so long.
    std::function<void(int64_t duration_ns)> write_begun;
    SnapshotTraffic::Send send_snapshot;
    // Whether the machine stops at this step of making or installing a snapshot.
    std::function<bool(replication::SnapshotStep)> stops_at;
    // Hands a batch to the node `to`, at the other end of the network.
    std::function<void(NodeId to, const pb::RaftMessageBatch&)> deliver;
  };

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

  const replication::Group* group() const { return group_.get(); }
  // Its log can no longer be written: it does nothing more until it is started again.
  bool failed() const { return failed_; }

  // ---- ReplicaNode, for the service
  void AddGroup(GroupId, replication::StateMachine*) override {}
  void Stop() override {}
  void Propose(GroupId group, std::string data,
               std::shared_ptr<replication::ProposalContext> context) override;
  void ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) override;
  void SendDigests(GroupId group, const std::vector<replication::StateDigest>& digests) override;
  void Fail(GroupId group, absl::Status why) override;
  // Its clusters keep their first members.
  void ChangeMembers(GroupId /*group*/, replication::MemberChange /*change*/,
                     replication::MemberCallback done) override {
    done(absl::UnimplementedError("members do not change here"));
  }
  void TransferLeadership(GroupId /*group*/, NodeId /*to*/,
                          replication::MemberCallback done) override {
    done(absl::UnimplementedError("leaders are not placed here"));
  }
  void HandOver(int64_t /*timeout_ms*/) override {}
  replication::GroupStatus Status(GroupId group) const override;
  replication::NodeState State() const override { return {.formed = true}; }

 private:
  class TappedMachine;

  // BatchSink
  void Send(NodeId to, pb::RaftMessageBatch batch) override;

  absl::StatusOr<replication::raft::DurableState> Load();
  void Tick();
  void Tend();
  void LimitLog();
  replication::GroupSnapshots::Options SnapshotOptions();
  void Wake();
  void Turn();
  void Dispatch(replication::LoopInput& in);
  void AfterTurn();
  void ApplyTurn();
  void WorkerTurn();
  void WakeOthers();
  void DeliverDigests(const pb::RaftMessage& message);
  void StartWrite();
  void FinishWrite();
  void ReadLog(replication::ReadEntries read);
  int64_t DiskDelay(int64_t usual_us);

  const Machine machine_;
  std::unique_ptr<metadata::WorkerPool> workers_;
  std::unique_ptr<metadata::Group> service_;
  std::unique_ptr<TappedMachine> state_machine_;
  replication::InFlight in_flight_;  // outlives what holds its tickets
  replication::Inbox inbox_;
  replication::Outbox outbox_;
  SnapshotTraffic snapshots_;
  std::unique_ptr<replication::Group> group_;

  std::deque<replication::WriteTask> to_write_;
  std::vector<replication::WriteTask> writing_;
  bool failed_ = false;

  // Whether each of them is waiting for its moment already.
  bool turn_posted_ = false;
  bool apply_posted_ = false;
  bool worker_posted_ = false;
};

}  // namespace openefs::sim
