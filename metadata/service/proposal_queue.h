// Mutating segments on their way into the log. While earlier entries are being replicated, what
// arrives is collected into the next one: the busier the group, the larger its entries.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/random.h"
#include "metadata/client/metadata_client.h"
#include "metadata/proposal.h"

namespace openefs::metadata {

// One entry waits for the disk, one for the network, one is applied; more would only make them
// smaller.
inline constexpr int kMaxEntriesInFlight = 3;
// Segments that are worth another entry while one is in flight. An entry costs each replica a
// message, a write of its log and several changes of thread, so fewer segments rather wait until
// that one is answered and go together.
inline constexpr size_t kWorthAnotherEntry = 16;
// Or their bytes: long writes gain nothing from waiting for each other.
inline constexpr size_t kBytesWorthAnotherEntry = size_t{128} << 10;
// An entry is one message and one write of every replica; a larger one holds up what follows it.
inline constexpr int kMaxSegmentsPerEntry = 256;
inline constexpr size_t kMaxEntryBytes = size_t{1} << 20;
// Beyond these, callers are told to try again. Half of what replication takes in flight
// (replica_node.h), because an entry is held twice on its way.
inline constexpr size_t kMaxSegmentsQueued = 8'192;
inline constexpr size_t kMaxBytesQueued = size_t{32} << 20;

class ProposalQueue {
 public:
  // The fate of one segment: its response, or as SegmentProposal::Done says.
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>)>;
  // ReplicaNode::Propose of one group.
  using Propose = std::function<void(std::string data, std::shared_ptr<SegmentProposal>)>;
  // Clients whose leases have run out.
  using Lapsed = std::function<std::vector<uint64_t>()>;

  // `clock` and `random` (used by one thread at a time) must outlive the queue, and the queue every
  // proposal it made.
  ProposalQueue(Propose propose, Lapsed lapsed, const Clock* clock, RandomSource* random)
      : propose_(std::move(propose)), lapsed_(std::move(lapsed)), clock_(clock), random_(random) {}

  // `done` runs exactly once, on any thread, possibly inside the call. Any thread.
  void Push(std::unique_ptr<pb::SegmentRequest> request, size_t bytes, Done done);

  size_t queued() const;        // segments, with those in flight
  size_t queued_bytes() const;  // theirs

 private:
  struct Waiting {
    std::unique_ptr<pb::SegmentRequest> request;
    size_t bytes = 0;
    Done done;
  };

  // Proposes until nothing waits or enough is in flight.
  void Pump();
  bool WorthAnEntry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What goes into the next entry; empty: nothing to do now.
  std::vector<Waiting> TakeBatch();
  void ProposeBatch(std::vector<Waiting> batch);
  void Finish(std::vector<Done> callbacks, size_t bytes, const absl::Status& status,
              std::vector<pb::SegmentResponse> responses);

  // Constant.
  const Propose propose_;
  const Lapsed lapsed_;
  const Clock* const clock_;
  RandomSource* const random_;

  mutable Mutex mu_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mu_);
  size_t segments_ ABSL_GUARDED_BY(mu_) = 0;       // queued and in flight
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;          // queued and in flight
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // queued
  int entries_in_flight_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace openefs::metadata
