// The check of a store that is in use: on a snapshot, in the background, slowly.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "metadata/store/kv.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

// It rests three times as long as it works, so that it takes no more than a quarter of a core from
// those who serve.
inline constexpr int64_t kCheckRestFactor = 3;

// One check at a time; the last one's outcome is kept until the next begins. Any thread.
class LiveCheck {
 public:
  explicit LiveCheck(const Clock* clock) : clock_(clock) {}
  ~LiveCheck() { Stop(); }

  // Begins a check of the snapshot that `take` gives. Its number is in the answer.
  // FAILED_PRECONDITION: one is running.
  using TakeSnapshot = absl::AnyInvocable<std::unique_ptr<KvSnapshot>()>;
  absl::StatusOr<pb::StoreCheckStatus> Begin(TakeSnapshot take);

  // NOT_FOUND: this node knows nothing of a check of that number.
  absl::StatusOr<pb::StoreCheckStatus> Ask(uint64_t id) const;

  // Ends what runs. Nothing can be begun afterwards.
  void Stop();

 private:
  void Run(std::unique_ptr<KvSnapshot> snapshot);
  bool Pace(uint64_t rows);

  const Clock* const clock_;

  mutable Mutex mu_;
  CondVar stop_signal_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  pb::StoreCheckStatus status_ ABSL_GUARDED_BY(mu_);

  // The check's thread only.
  int64_t working_since_ns_ = 0;

  Mutex thread_mu_;  // held while the thread is replaced
  std::thread thread_ ABSL_GUARDED_BY(thread_mu_);
};

}  // namespace openefs::metadata
