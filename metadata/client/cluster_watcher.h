// Follows the cluster state: what front-ends and background jobs must know of the system group.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

using ClusterStatePtr = std::shared_ptr<const pb::ClusterState>;

// The map inside a state, for whoever keeps maps only; it keeps the whole state alive.
inline std::shared_ptr<const pb::ClusterMap> MapOf(const ClusterStatePtr& state) {
  return {state, &state->map()};
}

class ClusterWatcher {
 public:
  // How late a change may be seen. A node that is down costs its writers a timeout until then.
  static constexpr int64_t kPollMs = 500;

  // Asks `client` every poll_ms, on a thread of its own, and calls `on_change` on that thread for
  // the first state and for each one with a later epoch; every change of nodes, placement groups or
  // file systems is one. While the cluster is not formatted or not reachable it asks again.
  // `client` must outlive the watcher.
  ClusterWatcher(MetadataClient* client, std::function<void(const ClusterStatePtr&)> on_change,
                 int64_t poll_ms = kPollMs);
  ~ClusterWatcher();  // stops

  // No on_change runs after it returns. Not from on_change. Does not wait for a reply under way.
  void Stop();

  // The last state seen; null before the first. Any thread.
  ClusterStatePtr Latest() const;

 private:
  // Shared with replies, which may come after the watcher is gone.
  struct State {
    Mutex mu;
    CondVar changed;
    bool stopping ABSL_GUARDED_BY(mu) = false;
    bool replied ABSL_GUARDED_BY(mu) = false;
    std::unique_ptr<pb::SegmentResponse> reply ABSL_GUARDED_BY(mu);  // null: it failed
    ClusterStatePtr latest ABSL_GUARDED_BY(mu);
  };

  void Loop();
  void Ask(uint64_t known_epoch);
  std::unique_ptr<pb::SegmentResponse> AwaitReply();
  void Take(std::unique_ptr<pb::SegmentResponse> reply);
  bool Sleep();

  // Constant.
  MetadataClient* const client_;
  const std::function<void(const ClusterStatePtr&)> on_change_;
  const int64_t poll_ms_;
  const std::shared_ptr<State> state_;

  std::thread thread_;  // last: it uses the rest
};

}  // namespace openefs::metadata
