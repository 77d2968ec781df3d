#include "metadata/client/cluster_watcher.h"

#include <utility>

#include "common/clock.h"
#include "common/ids.h"

namespace openefs::metadata {

ClusterWatcher::ClusterWatcher(MetadataClient* client,
                               std::function<void(const ClusterStatePtr&)> on_change,
                               int64_t poll_ms)
    : client_(client),
      on_change_(std::move(on_change)),
      poll_ms_(poll_ms),
      state_(std::make_shared<State>()),
      thread_([this] { Loop(); }) {}

ClusterWatcher::~ClusterWatcher() { Stop(); }

void ClusterWatcher::Stop() {
  {
    MutexLock lock(state_->mu);
    state_->stopping = true;
  }
  state_->changed.SignalAll();
  if (thread_.joinable()) thread_.join();
}

ClusterStatePtr ClusterWatcher::Latest() const {
  MutexLock lock(state_->mu);
  return state_->latest;
}

void ClusterWatcher::Loop() {
  do {
    const ClusterStatePtr known = Latest();
    Ask(known == nullptr ? 0 : known->map().epoch());
    if (auto reply = AwaitReply()) Take(std::move(reply));
  } while (Sleep());
}

void ClusterWatcher::Ask(uint64_t known_epoch) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kSystemGroup);
  request->add_operations()->mutable_get_cluster_state()->set_known_epoch(known_epoch);
  client_->Execute(std::move(request),
                   [state = state_](absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> reply) {
                     MutexLock lock(state->mu);
                     state->replied = true;
                     state->reply = reply.ok() ? *std::move(reply) : nullptr;
                     state->changed.SignalAll();
                   });
}

// Null: no answer, or the watcher stops.
std::unique_ptr<pb::SegmentResponse> ClusterWatcher::AwaitReply() {
  MutexLock lock(state_->mu);
  while (!state_->replied && !state_->stopping) state_->changed.Wait(state_->mu);
  state_->replied = false;
  return state_->stopping ? nullptr : std::move(state_->reply);
}

void ClusterWatcher::Take(std::unique_ptr<pb::SegmentResponse> reply) {
  if (reply->results_size() != 1 || !reply->results(0).has_cluster_state()) return;
  pb::ClusterState& answer = *reply->mutable_results(0)->mutable_cluster_state();
  const ClusterStatePtr known = Latest();
  // An older one comes from a replica that lagged behind; the same one has the epoch alone.
  if (known != nullptr && answer.map().epoch() <= known->map().epoch()) return;
  const auto latest = std::make_shared<const pb::ClusterState>(std::move(answer));
  {
    MutexLock lock(state_->mu);
    state_->latest = latest;
  }
  on_change_(latest);
}

// False: the watcher stops.
bool ClusterWatcher::Sleep() {
  const int64_t end_ms = SystemClock::Get()->MonotonicMs() + poll_ms_;
  MutexLock lock(state_->mu);
  while (!state_->stopping) {
    const int64_t left_ms = end_ms - SystemClock::Get()->MonotonicMs();
    if (left_ms <= 0) return true;
    state_->changed.WaitForMs(state_->mu, left_ms);
  }
  return false;
}

}  // namespace openefs::metadata
