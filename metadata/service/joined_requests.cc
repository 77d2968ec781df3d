#include "metadata/service/joined_requests.h"

#include <utility>

#include "absl/hash/hash.h"
#include "common/check.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// Who asks, and what kinds of operations; not their contents, because a retried write may come with
// another blob. The state machine compares contents before it replays anything.
uint64_t Likeness(const pb::SegmentRequest& request) {
  std::vector<int> parts = {static_cast<int>(request.credentials().uid())};
  for (const pb::Operation& operation : request.operations()) {
    parts.push_back(operation.kind_case());
  }
  return absl::HashOf(parts);
}

}  // namespace

std::string JoinedRequests::KeyOf(const pb::SegmentRequest& request) {
  const pb::SlotRef& slot = request.slot();
  std::string key = slot.session_id();
  key += EncodeU64(static_cast<uint64_t>(slot.slot()) << 32 | slot.sequence_id());
  key += EncodeU64(request.first_operation_index());
  return key;
}

JoinedRequests::Outcome JoinedRequests::Join(const std::string& key,
                                             const pb::SegmentRequest& request,
                                             SegmentCallback& done) {
  const uint64_t likeness = Likeness(request);
  MutexLock lock(mu_);
  auto [it, first] = entries_.try_emplace(key);
  Entry& entry = it->second;
  if (first) entry.likeness = likeness;
  if (entry.likeness != likeness || entry.waiting.size() >= kMaxCopies) return Outcome::kOther;
  entry.waiting.push_back(std::move(done));
  return first ? Outcome::kFirst : Outcome::kJoined;
}

std::vector<SegmentCallback> JoinedRequests::Take(const std::string& key) {
  MutexLock lock(mu_);
  auto it = entries_.find(key);
  OPENEFS_CHECK(it != entries_.end());
  std::vector<SegmentCallback> waiting = std::move(it->second.waiting);
  entries_.erase(it);
  return waiting;
}

bool JoinedRequests::InFlight(const std::string& key) const {
  MutexLock lock(mu_);
  return entries_.contains(key);
}

size_t JoinedRequests::size() const {
  MutexLock lock(mu_);
  return entries_.size();
}

}  // namespace openefs::metadata
