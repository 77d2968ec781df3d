#include "metadata/service/proposal_queue.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/turn.h"
#include "metadata/service/service_metrics.h"

namespace openefs::metadata {
namespace {

// Only these look at who has lapsed; the others need not carry the list.
bool MayPushAside(const pb::SegmentRequest& request) {
  return std::any_of(
      request.operations().begin(), request.operations().end(), [](const pb::Operation& operation) {
        return operation.has_open() || operation.has_lock() || operation.has_exchange_id();
      });
}

}  // namespace

void ProposalQueue::Push(std::unique_ptr<pb::SegmentRequest> request, size_t bytes, Done done) {
  const char* limit = nullptr;
  {
    MutexLock lock(mu_);
    if (segments_ >= kMaxSegmentsQueued) {
      limit = "mutations";
    } else if (bytes_ + bytes > kMaxBytesQueued) {
      limit = "mutation_bytes";
    } else {
      ++segments_;
      bytes_ += bytes;
      waiting_bytes_ += bytes;
      queue_.push_back({std::move(request), bytes, std::move(done)});
    }
  }
  if (limit != nullptr) {
    CountRefused(limit);
    return done(absl::UnavailableError("too many mutations are waiting"));
  }
  Pump();
}

size_t ProposalQueue::queued() const {
  MutexLock lock(mu_);
  return segments_;
}

size_t ProposalQueue::queued_bytes() const {
  MutexLock lock(mu_);
  return bytes_;
}

void ProposalQueue::Pump() {
  while (true) {
    std::vector<Waiting> batch = TakeBatch();
    if (batch.empty()) return;
    ProposeBatch(std::move(batch));
  }
}

bool ProposalQueue::WorthAnEntry() const {
  if (entries_in_flight_ == 0) return true;
  if (entries_in_flight_ >= kMaxEntriesInFlight) return false;
  return queue_.size() >= kWorthAnotherEntry || waiting_bytes_ >= kBytesWorthAnotherEntry;
}

std::vector<ProposalQueue::Waiting> ProposalQueue::TakeBatch() {
  MutexLock lock(mu_);
  std::vector<Waiting> batch;
  if (!WorthAnEntry()) return batch;
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < kMaxSegmentsPerEntry &&
         (batch.empty() || bytes + queue_.front().bytes <= kMaxEntryBytes)) {
    bytes += queue_.front().bytes;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  waiting_bytes_ -= bytes;
  if (!batch.empty()) ++entries_in_flight_;
  return batch;
}

void ProposalQueue::ProposeBatch(std::vector<Waiting> batch) {
  pb::MetadataEntry entry;
  entry.set_wall_time_ns(static_cast<uint64_t>(clock_->WallNs()));
  entry.set_random_seed(random_->Next64());
  std::vector<Done> callbacks;
  size_t bytes = 0;
  bool may_push_aside = false;
  for (Waiting& waiting : batch) {
    may_push_aside |= MayPushAside(*waiting.request);
    entry.mutable_segments()->AddAllocated(waiting.request.release());
    callbacks.push_back(std::move(waiting.done));
    bytes += waiting.bytes;
  }
  if (may_push_aside) {
    for (uint64_t client : lapsed_()) entry.add_lapsed_clients(client);
  }
  ObserveEntry(callbacks.size());
  propose_(entry.SerializeAsString(),
           std::make_shared<SegmentProposal>(
               [this, callbacks = std::move(callbacks), bytes](
                   absl::Status status, std::vector<pb::SegmentResponse> responses) mutable {
                 Finish(std::move(callbacks), bytes, status, std::move(responses));
               }));
}

void ProposalQueue::Finish(std::vector<Done> callbacks, size_t bytes, const absl::Status& status,
                           std::vector<pb::SegmentResponse> responses) {
  {
    MutexLock lock(mu_);
    --entries_in_flight_;
    segments_ -= callbacks.size();
    bytes_ -= bytes;
  }
  Pump();  // first: the log shall not idle while callbacks run
  OPENEFS_CHECK(!status.ok() || responses.size() == callbacks.size());
  const Turn turn;  // answers that take the same way share a write
  for (size_t i = 0; i < callbacks.size(); ++i) {
    if (!status.ok()) {
      callbacks[i](status);
    } else {
      callbacks[i](std::make_unique<pb::SegmentResponse>(std::move(responses[i])));
    }
  }
}

}  // namespace openefs::metadata
