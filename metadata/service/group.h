// One Raft group of a metadata node: what happens to a segment between its arrival and its answer.
//
//   Execute -> leader's memory                                        -> answer
//           -> small read, with a read lease, rows in memory          -> answer
//           -> read:     read barrier -> worker -> snapshot            -> answer
//           -> mutation: join copies  -> proposal queue -> log, apply  -> answer to every copy
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata/service/joined_requests.h"
#include "metadata/service/lease_table.h"
#include "metadata/service/metadata_service.h"
#include "metadata/service/node_monitor.h"
#include "metadata/service/proposal_queue.h"
#include "metadata/service/ready_reads.h"
#include "metadata/service/service_metrics.h"
#include "metadata/service/worker_pool.h"
#include "metadata/state_machine.h"

namespace openefs::metadata {

// Reads wait in memory for a barrier and a worker; one takes a few hundred bytes.
inline constexpr size_t kMaxReadsInFlight = 16'384;

class Group {
 public:
  // Everything handed in must outlive the group; `node` must be stopped, then `workers`, before it
  // goes.
  struct Parts {
    GroupId id = 0;
    replication::ReplicaNode* node = nullptr;
    WorkerPool* workers = nullptr;
    const Clock* clock = nullptr;
    RandomSource* random = nullptr;
    std::string store;                 // path of the engine's directory, to mark it if need be
    bool flush_in_background = false;  // MetadataStateMachine::FlushInBackground
  };

  Group(Parts parts, std::unique_ptr<KvEngine> engine, const MetadataServiceOptions& options);

  // Before the node starts.
  replication::StateMachine* machine() { return &machine_; }

  // What this replica has applied. Any thread.
  std::unique_ptr<KvSnapshot> Snapshot() { return machine_.Snapshot(); }

  // A checked request of `bytes`. As MetadataEndpoint::Execute.
  void Execute(std::unique_ptr<pb::SegmentRequest> request, size_t bytes, SegmentCallback done);

  // As MetadataEndpoint::TryRead.
  std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest& request);

  // Background work, every fraction of a second on the service's thread: publishes depths, tells
  // the other replicas what this one's state came to and stops it if that was wrong; on the leader,
  // expires overdue clients and judges data nodes.
  void Tend();

 private:
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

  void OnLeader();
  void OnFollower() { leading_.store(false, std::memory_order_release); }
  void OnDifference(const StateVerdict& verdict);
  absl::Status OnCleared();

  void NoteVoters();
  void CompareStates();
  void StopIfOdd();

  void Mutate(std::unique_ptr<pb::SegmentRequest> request, size_t bytes, SegmentCallback done);
  void Read(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done);
  std::unique_ptr<pb::SegmentResponse> ReadFromMemory(const pb::SegmentRequest& request);
  std::unique_ptr<pb::SegmentResponse> ReadAnyhow(const pb::SegmentRequest& request);
  std::unique_ptr<pb::SegmentResponse> ReadFrom(std::unique_ptr<KvSnapshot> view,
                                                const pb::SegmentRequest& request);
  void AnswerFromMemory(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done);

  // Queues a job that owns a callback; a full pool answers it.
  void Submit(SegmentCallback done, absl::AnyInvocable<void(SegmentCallback)> job);

  pb::FsError OnHeartbeat(const pb::DataNodeHeartbeat& heartbeat);
  void Tend(const pb::Operation& operation);  // proposes one operation of the leader's own

  // What the outcome says about clients: whoever got through is alive. `client` is the session's.
  void NoteClients(uint64_t client, const pb::SegmentResponse& response);

  // FAILED_PRECONDITION with the leader's id, where it is another.
  absl::Status NotLeader() const;
  // What a failed barrier or proposal means to the caller.
  absl::Status Meaning(const absl::Status& failure) const;

  int64_t NowMs() const { return parts_.clock->MonotonicMs(); }

  // Constant.
  const Parts parts_;
  const NodeId node_id_;
  const PlantedBug planted_bug_;

  // Any thread.
  std::atomic<bool> leading_{false};
  std::atomic<size_t> reads_in_flight_{0};
  std::atomic<bool> odd_{false};  // this replica's state is wrong: it must not lead
  LeaseTable leases_;
  NodeMonitor monitor_;
  JoinedRequests joined_;
  MetadataStateMachine machine_;
  const std::shared_ptr<ReadyReads> ready_reads_;
  ProposalQueue proposals_;

  std::atomic<bool> stopped_{false};  // because of odd_, until this replica is rebuilt

  // The service's thread only.
  uint64_t told_index_ = 0;
  int64_t told_ms_ = 0;
  int tellings_left_ = 0;

  Mutex mu_;
  std::string why_odd_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::metadata
