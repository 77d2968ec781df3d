#include "common/rpc/pending_calls.h"

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/rpc/rpc_metrics.h"
#include "common/timers.h"

namespace openefs::rpc {
namespace {

constexpr char kNotSentPayload[] = "openefs/not-sent";

// Which calls' callbacks this thread is inside of, innermost first.
struct RunningHere {
  const PendingCalls* calls;
  const RunningHere* outer;
};
thread_local const RunningHere* running_here = nullptr;

int TimesRunningHere(const PendingCalls* calls) {
  int times = 0;
  for (const RunningHere* at = running_here; at != nullptr; at = at->outer) {
    times += at->calls == calls;
  }
  return times;
}

}  // namespace

absl::Status NotSent(absl::Status status) {
  status.SetPayload(kNotSentPayload, absl::Cord());
  return status;
}

bool WasNotSent(const absl::Status& status) {
  return status.GetPayload(kNotSentPayload).has_value();
}

void PendingCalls::Later(int64_t delay_ms, void (PendingCalls::*step)()) {
  Timers::Get().RunAfter(delay_ms, [weak = weak_from_this(), step] {
    if (const auto calls = weak.lock()) ((*calls).*step)();
  });
}

absl::Status PendingCalls::CheckLimits(size_t bytes) {
  if (bytes > kMaxFrameBytes) return absl::InvalidArgumentError("request too large");
  if (pending_.size() >= kMaxCallsInFlight || pending_bytes_ + bytes > kMaxBytesInFlight) {
    return absl::ResourceExhaustedError(absl::StrCat("too much under way to ", peer_));
  }
  return absl::OkStatus();
}

// Enqueued under the lock, so that no reply comes before the call is noted.
void PendingCalls::Add(Method method, Message request, int64_t timeout_ms, ReplyCallback done,
                       absl::Status admitted, absl::FunctionRef<absl::Status(Frame)> enqueue) {
  OPENEFS_CHECK(timeout_ms >= 1);
  Frame frame{.kind = FrameKind::kRequest,
              .method = static_cast<uint32_t>(method),
              .message = std::move(request)};
  const size_t bytes = FrameBytes(frame);
  const int64_t now_ns = SystemClock::Get()->MonotonicNs();
  const int64_t deadline_ms = now_ns / 1'000'000 + timeout_ms;
  MutexLock lock(mu_);
  if (bytes > kMaxFrameBytes || admitted.ok()) admitted = CheckLimits(bytes);
  frame.call_id = next_call_id_;
  if (admitted.ok()) admitted = enqueue(std::move(frame));
  if (!admitted.ok()) {
    CountCall(method, admitted.code(), 0);
    ready_.push_back({std::move(done), NotSent(std::move(admitted))});
    if (ready_.size() == 1) Later(0, &PendingCalls::RunReady);
    return;
  }
  pending_.try_emplace(next_call_id_, Pending{std::move(done), method, now_ns, deadline_ms, bytes});
  pending_bytes_ += bytes;
  deadlines_.emplace(deadline_ms, next_call_id_++);
  ArmTimer(deadline_ms);
}

void PendingCalls::ArmTimer(int64_t deadline_ms) {
  if (armed_ms_ <= deadline_ms) return;
  armed_ms_ = deadline_ms;
  const int64_t now_ms = SystemClock::Get()->MonotonicMs();
  Later(deadline_ms - now_ms + 1, &PendingCalls::Expire);
}

void PendingCalls::Expire() {
  {
    MutexLock lock(mu_);
    const int64_t now_ms = SystemClock::Get()->MonotonicMs();
    if (now_ms < armed_ms_) return;  // a timer that an earlier one replaced
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
      Finish(deadlines_.begin()->second,
             absl::DeadlineExceededError(absl::StrCat("no reply from ", peer_)));
    }
    armed_ms_ = INT64_MAX;
    if (!deadlines_.empty()) ArmTimer(deadlines_.begin()->first);
  }
  RunReady();
}

void PendingCalls::Finish(uint64_t call_id, absl::StatusOr<Message> result) {
  const auto found = pending_.find(call_id);
  OPENEFS_CHECK(found != pending_.end());
  Pending& call = found->second;
  CountCall(call.method, result.status().code(),
            SystemClock::Get()->MonotonicNs() - call.started_ns);
  ready_.push_back({std::move(call.done), std::move(result)});
  pending_bytes_ -= call.bytes;
  deadlines_.erase({call.deadline_ms, call_id});
  pending_.erase(found);
}

void PendingCalls::FailAll(const absl::Status& status) {
  MutexLock lock(mu_);
  while (!pending_.empty()) Finish(pending_.begin()->first, status);
}

// A callback leaves ready_ and is counted as running in one step, so that AwaitCallbacks overlooks
// none.
void PendingCalls::RunReady() {
  const RunningHere here{this, running_here};
  while (true) {
    Completion completion;
    {
      MutexLock lock(mu_);
      if (ready_.empty()) return;
      completion = std::move(ready_.front());
      ready_.pop_front();
      ++running_;
    }
    running_here = &here;
    std::exchange(completion.done, nullptr)(std::move(completion.result));
    running_here = here.outer;
    MutexLock lock(mu_);
    --running_;
    stopped_running_.SignalAll();
  }
}

void PendingCalls::OnReplies(std::vector<Frame> replies) {
  {
    MutexLock lock(mu_);
    for (Frame& reply : replies) {
      if (!pending_.contains(reply.call_id)) continue;  // came after its deadline
      if (reply.status == absl::StatusCode::kOk) {
        Finish(reply.call_id, std::move(reply.message));
      } else {
        Finish(reply.call_id, absl::Status(reply.status, reply.message.header));
      }
    }
  }
  RunReady();
}

void PendingCalls::AwaitCallbacks() {
  const int here = TimesRunningHere(this);
  MutexLock lock(mu_);
  while (running_ != here) stopped_running_.Wait(mu_);
}

}  // namespace openefs::rpc
