// One machine of the metadata service: disks and clocks, which last, and the process on them, which
// comes and goes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/disk/kv_disk.h"
#include "tests/sim/disk/log_disk.h"
#include "tests/sim/environment.h"
#include "tests/sim/node/node_clock.h"
#include "tests/sim/node/process.h"

namespace openefs::sim {

class SimNode {
 public:
  using Find = std::function<SimNode*(NodeId)>;

  // `voters`: first members of every group. `find` knows the others.
  SimNode(NodeId id, std::vector<NodeId> voters, const std::string& directory, Environment* env,
          Find find);
  ~SimNode();

  NodeId id() const { return id_; }
  bool up() const { return process_ != nullptr; }
  // Production will not start on what is on its disk.
  bool refused() const { return refused_; }
  // Gone for good: see Retire.
  bool retired() const { return retired_; }
  // Another one: its process has ended meanwhile.
  uint64_t incarnation() const { return incarnation_; }
  bool paused() const { return env_->scheduler.now_ns() < paused_until_ns_; }
  bool leads(GroupId group) const { return up() && process_->leads(group); }
  bool leads_any() const;
  const Process* process() const { return process_.get(); }

  // Comes up, if it is down and production agrees with its disk; or loses power again while its log
  // is opened.
  void Start(bool crash_in_it = false);
  // Power is lost.
  void Crash();
  // Power is lost, and an operator takes the machine away.
  void Retire();
  // Calls `crash` in the middle of the next write of the log.
  void InNextWrite(std::function<void()> crash) { in_next_write_ = std::move(crash); }
  // The process stands still, its messages and disk wait for it.
  void PauseFor(int64_t ns);
  void Resume() { paused_until_ns_ = env_->scheduler.now_ns(); }

  // What arrives from the network.
  void Receive(pb::RaftMessageBatch batch);
  // `done` runs unless the machine crashes first. False: nobody listens.
  bool Execute(std::unique_ptr<pb::SegmentRequest> request, metadata::SegmentCallback done);

  // What an operator asks of it, if it is up. `done` runs unless it crashes first.
  using Asked = std::function<void(const absl::Status&)>;
  void ChangeMembers(GroupId group, replication::MemberChange change, Asked done);
  void TransferLeadership(GroupId group, NodeId to, Asked done);

  NodeClock clock;
  LogDisk log;
  std::map<GroupId, KvDisk> stores;
  int64_t disk_slowness = 1;
  bool rotten = false;  // bits of its log were turned over
  // Crashes it for a while, unless the faults are over.
  std::function<void()> crash_for_a_while;

 private:
  void End();
  void Post(int64_t delay_ns, Process::Task task);
  void Run(uint64_t incarnation, Process::Task task);
  void SendBatch(NodeId to, const pb::RaftMessageBatch& batch);
  void SendSnapshot(NodeId to, SnapshotParcelPtr parcel, std::function<void(bool)> done);
  bool StopsAt(replication::SnapshotStep step);
  Machine MachineOf();

  const NodeId id_;
  const std::vector<NodeId> voters_;
  Environment* const env_;
  const Find find_;

  // Grows with every start and crash: what was asked for by an earlier one is forgotten.
  uint64_t incarnation_ = 0;
  int64_t paused_until_ns_ = 0;
  bool refused_ = false;
  bool retired_ = false;
  std::function<void()> in_next_write_;
  std::unique_ptr<Process> process_;
};

}  // namespace openefs::sim
