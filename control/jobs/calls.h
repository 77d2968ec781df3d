// Waiting calls for a job's thread, which end early when the role stops.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "proto/metadata.pb.h"

namespace openefs::control {

// Told once that everything shall end. Shared with replies, which may come later than that.
class StopSignal {
 public:
  void Stop();
  bool Stopped() const;
  // False at once, or as soon as it is stopped.
  bool Sleep(int64_t ms);

  // Starts a call with `start(callback)` and waits for what the callback gets: an absl::Status or
  // an absl::StatusOr. CANCELLED when stopped first; a later answer is dropped then.
  template <typename Result, typename Start>
  static Result Wait(const std::shared_ptr<StopSignal>& signal, Start start) {
    auto answer = std::make_shared<std::optional<Result>>();  // guarded by signal->mu_
    start([signal, answer](Result result) {
      MutexLock lock(signal->mu_);
      *answer = std::move(result);
      signal->changed_.SignalAll();
    });
    MutexLock lock(signal->mu_);
    while (!answer->has_value() && !signal->stopped_) signal->changed_.Wait(signal->mu_);
    if (!answer->has_value()) return absl::CancelledError("stopping");
    return std::move(**answer);
  }

 private:
  mutable Mutex mu_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

// One operation in `group`. OK only if the operation itself is.
absl::StatusOr<pb::OperationResult> Execute(const std::shared_ptr<StopSignal>& signal,
                                            metadata::MetadataClient& client, GroupId group,
                                            pb::Operation operation);

}  // namespace openefs::control
