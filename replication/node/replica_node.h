// All Raft replicas of one process: one shared log with one fsync batch for all groups, one event
// loop, a few threads that apply.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ids.h"
#include "replication/log/segment.h"
#include "replication/node/group_rebuild.h"
#include "replication/node/membership.h"
#include "replication/node/snapshot_step.h"
#include "replication/node/state_machine.h"
#include "replication/node/transport.h"

namespace openefs::replication {

struct ReplicaNodeOptions {
  NodeId node_id = 0;
  std::string cluster_id;      // 16 bytes; messages of another cluster are refused
  std::string directory;       // of the log and this node's identity; formatted if empty
  std::vector<NodeId> voters;  // first members of every group; only for the first formation
  std::string address;         // host:port as others reach it; empty inside one process
  std::string az;

  int64_t tick_ms = 50;
  int heartbeat_ticks = 2;  // 100 ms
  int election_ticks = 10;  // 500 ms, and up to twice that by chance
  // Read barriers are answered without a round to the others while a lease holds: read_lease.h.
  // Trusts clocks. Useful only if all nodes of a group have it, with the same ticks.
  bool read_leases = false;
  size_t max_proposal_bytes_in_flight = size_t{64} << 20;
  size_t max_proposals_in_flight = 16384;

  uint64_t segment_bytes = uint64_t{64} << 20;  // of the log's files
  // A state machine is asked to flush when its group's log has grown by this much: what a replica
  // that was killed applies again when it starts.
  uint64_t flush_log_bytes = uint64_t{16} << 20;
  // Called at most once, on a thread of the node, when it must not go on: its directory was wiped
  // or copied, it was removed from the cluster, its identity cannot be written. It takes no part
  // any more; the process should end with this one line.
  std::function<void(absl::Status)> on_fatal;
  // Log that is kept for followers that lack it: of each group, and in all files together. Who is
  // further behind gets a snapshot. While one is on its way four times as much is kept for it.
  uint64_t retain_log_bytes = uint64_t{256} << 20;
  uint64_t retain_total_log_bytes = uint64_t{1} << 30;
  uint64_t snapshot_bytes_per_second = uint64_t{128} << 20;  // of all that this node sends
  size_t snapshot_part_bytes = size_t{1} << 20;              // at most 1 MiB
  int64_t snapshot_patience_ms = 30'000;  // a follower that takes nothing for so long is given up
  SnapshotFaultHook snapshot_fault;       // tests only: see snapshot_step.h
  LogFaultHook log_fault;                 // tests only: see segment.h
  RebuildFaultHook rebuild_fault;         // tests only: see group_rebuild.h
  int64_t rebuild_ask_ms = 200;           // between the first requests to be rebuilt
};

// The node itself, beside its groups.
struct NodeState {
  std::string incarnation;
  bool formed = false;  // false: waits for its peers at the first start, or to be added
  absl::Status fatal;   // not OK: takes no part any more
  struct Peer {
    NodeId node = 0;
    std::string address;
    bool connected = false;
    std::string trouble;  // one line, if it is known why not
  };
  std::vector<Peer> peers;
  std::vector<pb::ReplicaMember> members;  // everybody on record, also the removed
};

struct GroupStatus {
  GroupId group = 0;
  NodeId leader = 0;  // 0: unknown
  bool is_leader = false;
  uint64_t term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t last_index = 0;
  uint64_t first_index = 0;                // of what the log still holds
  std::map<NodeId, uint64_t> match_index;  // the leader's view of its followers
  struct Follower {
    NodeId node = 0;
    uint64_t match_index = 0;
    bool needs_snapshot = false;
  };
  std::vector<Follower> followers;    // the same with more
  raft::Configuration configuration;  // in effect, as far as this replica knows
  bool configuration_committed = false;
  std::string rebuild;  // why it is being rebuilt and what that waits for; empty: it is not
  bool quiet = false;   // nothing is outstanding, no heartbeats are sent: quiet.h
};

class ReplicaNode {
 public:
  virtual ~ReplicaNode() = default;  // stops, as Stop

  // Before Start: the groups of this node and their state machines, which must outlive the node.
  virtual void AddGroup(GroupId group, StateMachine* machine) = 0;

  // Opens the log, replays what the state machines have not got, and begins. A log of another node
  // or of another cluster is refused with one clear line. One that is damaged in the middle is set
  // aside, and every group is rebuilt; refused where there are no others. A node that starts for
  // the first time takes no part before it has met its peers: peers.h.
  virtual absl::Status Start() = 0;
  virtual void Stop() = 0;

  // Appends `data` as one entry if this node leads. `context` hears of it as ProposalContext says.
  // Never blocks; any thread. Beyond the limits in flight it is dropped as UNAVAILABLE.
  virtual void Propose(GroupId group, std::string data,
                       std::shared_ptr<ProposalContext> context) = 0;

  // Linearizable reads: `done(OK)` once this node was the leader at some time after the call and
  // its state machine has applied all that was committed then. UNAVAILABLE otherwise. Batched over
  // concurrent callers; any thread; `done` runs on a thread of the node and must not block.
  virtual void ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) = 0;

  // With read leases: whether this node was the only leader at some time after the call, and its
  // state machine had applied by then all that any leader has answered for. So a read that begins
  // now needs no barrier. Any thread; a few loads.
  virtual bool MayReadAtOnce(GroupId) const { return false; }

  // To every other replica of the group, where StateMachine::OnPeerDigests gets them; may be lost.
  // Any thread; never blocks.
  virtual void SendDigests(GroupId group, const std::vector<StateDigest>& digests) = 0;

  // This replica of the group takes no part any more, as after an error of its state machine: the
  // others go on without it. Any thread; never blocks.
  virtual void Fail(GroupId group, absl::Status why) = 0;

  // What this replica has of the group is not to be trusted any more: it takes no part, the others
  // make it a learner, it forgets everything and gets it anew from them (group_rebuild.h). Durable
  // before anything of that begins. Before Start, or any thread after it; never blocks.
  virtual void Rebuild(GroupId group, absl::Status why) { Fail(group, std::move(why)); }

  // Changes the members of a group, if this node leads it: see MemberCallback for the outcome,
  // which comes on a thread of the node. A change that would leave too few voters alive is refused
  // as UNAVAILABLE. Any thread.
  virtual void ChangeMembers(GroupId group, MemberChange change, MemberCallback done) = 0;

  // Hands leadership of a group to another voter, `to` or (0) the most suitable one. Proposals and
  // barriers made meanwhile are dropped as UNAVAILABLE. Any thread.
  virtual void TransferLeadership(GroupId group, NodeId to, MemberCallback done) = 0;

  // Before a clean Stop: hands over every group that this node leads; returns when it leads none,
  // or after timeout_ms. Not on a thread of the node.
  virtual void HandOver(int64_t timeout_ms) = 0;

  // Any thread. Leader is a hint: only a ReadBarrier proves it.
  virtual GroupStatus Status(GroupId group) const = 0;
  virtual NodeState State() const = 0;
};

// The transport must outlive the node.
std::unique_ptr<ReplicaNode> MakeReplicaNode(ReplicaNodeOptions options, Transport* transport,
                                             const Clock* clock);

}  // namespace openefs::replication
