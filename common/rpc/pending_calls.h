// Calls that one process has made to another and that are not answered yet: limits, deadlines, and
// callbacks that run once, on no caller's stack. Either end of a stream has one.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "common/mutex.h"
#include "common/rpc/frame.h"

namespace openefs::rpc {

// `status`, marked so that WasNotSent tells.
absl::Status NotSent(absl::Status status);

// Any thread. Takes no other lock while it holds its own, but in `enqueue`.
class PendingCalls : public std::enable_shared_from_this<PendingCalls> {
 public:
  explicit PendingCalls(std::string peer) : peer_(std::move(peer)) {}

  // As Caller::Call. `admitted` is what the stream's state says; if that and the limits allow it,
  // the frame goes to `enqueue`, whose error ends the call as not sent.
  void Add(Method method, Message request, int64_t timeout_ms, ReplyCallback done,
           absl::Status admitted, absl::FunctionRef<absl::Status(Frame)> enqueue)
      ABSL_LOCKS_EXCLUDED(mu_);

  void OnReplies(std::vector<Frame> replies) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends all that are under way; their callbacks run with the next RunReady, which the caller owes
  // as soon as it holds no lock.
  void FailAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void RunReady() ABSL_LOCKS_EXCLUDED(mu_);

  // After FailAll and RunReady, when no call is made any more: no callback runs after it, but one
  // that this thread is inside of.
  void AwaitCallbacks() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending {
    ReplyCallback done;
    Method method;
    int64_t started_ns;
    int64_t deadline_ms;
    size_t bytes;
  };
  struct Completion {
    ReplyCallback done;
    absl::StatusOr<Message> result;
  };

  absl::Status CheckLimits(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ArmTimer(int64_t deadline_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(uint64_t call_id, absl::StatusOr<Message> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Expire();
  void Later(int64_t delay_ms, void (PendingCalls::*step)());

  const std::string peer_;  // for messages

  Mutex mu_;
  uint64_t next_call_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mu_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::pair<int64_t, uint64_t>> deadlines_ ABSL_GUARDED_BY(mu_);  // (deadline, call id)
  int64_t armed_ms_ ABSL_GUARDED_BY(mu_) = INT64_MAX;  // when Expire runs next, or sooner

  std::deque<Completion> ready_ ABSL_GUARDED_BY(mu_);  // for RunReady
  int running_ ABSL_GUARDED_BY(mu_) = 0;               // callbacks that run now
  CondVar stopped_running_;
};

}  // namespace openefs::rpc
