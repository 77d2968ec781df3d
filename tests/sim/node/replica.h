// One group on one node: production's replication::Group on its core, and production's
// metadata::Group on top.
#pragma once

#include <functional>
#include <memory>

#include "metadata/service/group.h"
#include "metadata/service/worker_pool.h"
#include "replication/node/group.h"
#include "replication/node/inbox.h"
#include "replication/node/replica_node.h"
#include "tests/sim/node/machine.h"
#include "tests/sim/node/snapshot_traffic.h"

namespace openefs::sim {

class Replica {
 public:
  // Of the process that it belongs to; all of it outlives the replica.
  struct Parts {
    const Machine* machine = nullptr;
    replication::ReplicaNode* node = nullptr;
    replication::Inbox* inbox = nullptr;
    metadata::WorkerPool* workers = nullptr;
    std::function<void()> wake;  // the inbox has news
  };

  Replica(GroupId id, Parts parts);
  ~Replica();

  // After the log was opened: carries out the intent to install a snapshot, if there is one.
  absl::Status Recover();
  // Then: begins to take part. What production refuses is refused.
  absl::Status Open();

  GroupId id() const { return id_; }
  bool open() const { return group_ != nullptr; }
  replication::Group& group() { return *group_; }
  const replication::Group& group() const { return *group_; }
  metadata::Group& service() { return *service_; }
  replication::StateMachine& machine();
  SnapshotTraffic& snapshots() { return snapshots_; }
  Checkers& checkers() { return parts_.machine->checkers->at(id_); }

  // Of its log, what is kept for followers.
  void LimitLog();
  // What is queued for the state machine is applied soon.
  void WakeApplier();
  // All that was applied is in the store.
  void Settle() const;
  void Stop();

 private:
  class TappedMachine;

  std::unique_ptr<metadata::KvEngine> OpenStore() const;
  absl::StatusOr<replication::raft::DurableState> Load();
  replication::GroupSnapshots::Options SnapshotOptions();
  void ApplyTurn();

  const GroupId id_;
  const Parts parts_;
  std::unique_ptr<metadata::Group> service_;
  std::unique_ptr<TappedMachine> state_machine_;
  SnapshotTraffic snapshots_;
  std::unique_ptr<replication::Group> group_;
  bool apply_posted_ = false;
};

}  // namespace openefs::sim
