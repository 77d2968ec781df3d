#include "common/rpc/channel.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/rpc/client_stream.h"
#include "common/rpc/frame.h"
#include "common/rpc/grpc_options.h"
#include "common/rpc/rpc_metrics.h"
#include "common/timers.h"

namespace openefs::rpc {
namespace {

// How long calls wait for the first connection: processes of a cluster start at the same time.
constexpr int64_t kFirstConnectMs = 1'000;
// Pause before a new stream after one broke; doubles while streams do not last.
constexpr int64_t kFirstPauseMs = 50;
constexpr int64_t kLastPauseMs = 1'000;
constexpr int64_t kLastedMs = 5'000;

constexpr char kNotSentPayload[] = "openefs/not-sent";

absl::Status NotSent(absl::Status status) {
  status.SetPayload(kNotSentPayload, absl::Cord());
  return status;
}

struct Completion {
  ReplyCallback done;
  absl::StatusOr<Message> result;
};

// What outlives the Channel while gRPC and timers still know of it.
class ChannelCore final : public ClientStreamEvents,
                          public std::enable_shared_from_this<ChannelCore> {
 public:
  explicit ChannelCore(std::string address)
      : address_(std::move(address)), stub_(MakeGrpcChannel(address_)) {}

  void Start() {
    StartStream();
    Later(kFirstConnectMs, &ChannelCore::GiveUpFirstConnect);
  }

  void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done);
  void Send(Method method, Message request);
  void Close();

  void OnUp() override;
  void OnReplies(std::vector<Frame> replies) override;
  void OnBroken() override;
  void OnEnded(const grpc::Status& status) override;

 private:
  enum class State { kConnecting, kUp, kDown, kClosed };  // kConnecting: for the first time

  struct Pending {
    ReplyCallback done;
    Method method;
    int64_t started_ns;
    int64_t deadline_ms;
    size_t bytes;
  };

  absl::Status Admit(const Frame& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ArmTimer(int64_t deadline_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(uint64_t call_id, absl::StatusOr<Message> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishAll(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void StartStream();
  void GiveUpFirstConnect();
  void ExpireCalls();
  void RunReady();
  void Later(int64_t delay_ms, void (ChannelCore::*step)());

  // Constant.
  const std::string address_;
  grpc::GenericStub stub_;

  Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kConnecting;
  std::shared_ptr<ClientStream> stream_ ABSL_GUARDED_BY(mu_);
  int64_t up_since_ms_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t pause_ms_ ABSL_GUARDED_BY(mu_) = kFirstPauseMs;

  uint64_t next_call_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mu_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::pair<int64_t, uint64_t>> deadlines_ ABSL_GUARDED_BY(mu_);  // (deadline, call id)
  int64_t armed_ms_ ABSL_GUARDED_BY(mu_) = INT64_MAX;  // when ExpireCalls runs next, or sooner

  std::deque<Completion> ready_ ABSL_GUARDED_BY(mu_);  // for RunReady
  int running_ ABSL_GUARDED_BY(mu_) = 0;               // callbacks that run now
  CondVar stopped_running_;
};

// Which channels' callbacks this thread is inside of, innermost first.
struct RunningHere {
  const ChannelCore* core;
  const RunningHere* outer;
};
thread_local const RunningHere* running_here = nullptr;

int TimesRunningHere(const ChannelCore* core) {
  int times = 0;
  for (const RunningHere* at = running_here; at != nullptr; at = at->outer) {
    times += at->core == core;
  }
  return times;
}

void ChannelCore::Later(int64_t delay_ms, void (ChannelCore::*step)()) {
  Timers::Get().RunAfter(delay_ms, [weak = weak_from_this(), step] {
    if (const auto core = weak.lock()) ((*core).*step)();
  });
}

void ChannelCore::StartStream() {
  // Under the lock, so that no event of the stream comes before stream_ is set.
  MutexLock lock(mu_);
  if (state_ == State::kClosed) return;
  stream_ = ClientStream::Start(stub_, weak_from_this());
}

void ChannelCore::GiveUpFirstConnect() {
  {
    MutexLock lock(mu_);
    if (state_ != State::kConnecting) return;
    state_ = State::kDown;
    if (stream_ != nullptr) stream_->DropQueued();
    FinishAll(NotSent(absl::UnavailableError(absl::StrCat("no connection to ", address_))));
  }
  RunReady();
}

absl::Status ChannelCore::Admit(const Frame& frame) {
  const size_t bytes = FrameBytes(frame);
  if (bytes > kMaxFrameBytes) return absl::InvalidArgumentError("request too large");
  if (state_ == State::kClosed) return absl::CancelledError("channel closed");
  if (state_ == State::kDown || stream_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("no connection to ", address_));
  }
  if (pending_.size() >= kMaxCallsInFlight || pending_bytes_ + bytes > kMaxBytesInFlight) {
    return absl::ResourceExhaustedError(absl::StrCat("too much under way to ", address_));
  }
  return absl::OkStatus();
}

void ChannelCore::Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) {
  OPENEFS_CHECK(timeout_ms >= 1);
  Frame frame{.kind = FrameKind::kRequest,
              .method = static_cast<uint32_t>(method),
              .message = std::move(request)};
  const size_t bytes = FrameBytes(frame);
  const int64_t now_ns = SystemClock::Get()->MonotonicNs();
  const int64_t deadline_ms = now_ns / 1'000'000 + timeout_ms;
  std::shared_ptr<ClientStream> stream;
  {
    MutexLock lock(mu_);
    absl::Status admitted = Admit(frame);
    frame.call_id = next_call_id_;
    if (admitted.ok()) admitted = stream_->Enqueue(std::move(frame));
    if (!admitted.ok()) {
      CountCall(method, admitted.code(), 0);
      ready_.push_back({std::move(done), NotSent(std::move(admitted))});
      if (ready_.size() == 1) Later(0, &ChannelCore::RunReady);
      return;
    }
    pending_.try_emplace(next_call_id_,
                         Pending{std::move(done), method, now_ns, deadline_ms, bytes});
    pending_bytes_ += bytes;
    deadlines_.emplace(deadline_ms, next_call_id_++);
    ArmTimer(deadline_ms);
    stream = stream_;
  }
  stream->Flush();
}

void ChannelCore::Send(Method method, Message request) {
  Frame frame{.kind = FrameKind::kOneWay,
              .method = static_cast<uint32_t>(method),
              .message = std::move(request)};
  std::shared_ptr<ClientStream> stream;
  if (FrameBytes(frame) <= kMaxFrameBytes) {
    MutexLock lock(mu_);
    if (state_ == State::kUp) stream = stream_;
  }
  const bool sent = stream != nullptr && stream->Enqueue(std::move(frame)).ok();
  CountOneWay(method, sent);
  if (sent) stream->Flush();
}

void ChannelCore::ArmTimer(int64_t deadline_ms) {
  if (armed_ms_ <= deadline_ms) return;
  armed_ms_ = deadline_ms;
  const int64_t now_ms = SystemClock::Get()->MonotonicMs();
  Later(deadline_ms - now_ms + 1, &ChannelCore::ExpireCalls);
}

void ChannelCore::ExpireCalls() {
  {
    MutexLock lock(mu_);
    const int64_t now_ms = SystemClock::Get()->MonotonicMs();
    if (now_ms < armed_ms_) return;  // a timer that an earlier one replaced
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
      Finish(deadlines_.begin()->second,
             absl::DeadlineExceededError(absl::StrCat("no reply from ", address_)));
    }
    armed_ms_ = INT64_MAX;
    if (!deadlines_.empty()) ArmTimer(deadlines_.begin()->first);
  }
  RunReady();
}

void ChannelCore::Finish(uint64_t call_id, absl::StatusOr<Message> result) {
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

void ChannelCore::FinishAll(const absl::Status& status) {
  while (!pending_.empty()) Finish(pending_.begin()->first, status);
}

// A callback leaves ready_ and is counted as running in one step, so that Close overlooks none.
void ChannelCore::RunReady() {
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
    if (state_ == State::kClosed) stopped_running_.SignalAll();
  }
}

void ChannelCore::OnUp() {
  MutexLock lock(mu_);
  if (state_ == State::kClosed) return;
  state_ = State::kUp;
  up_since_ms_ = SystemClock::Get()->MonotonicMs();
  Log(LogLevel::kDebug, "common.rpc.up", {{"peer", address_}});
}

void ChannelCore::OnReplies(std::vector<Frame> replies) {
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

void ChannelCore::OnBroken() {
  {
    MutexLock lock(mu_);
    if (state_ == State::kClosed) return;
    absl::Status lost = absl::UnavailableError(absl::StrCat("connection to ", address_, " lost"));
    if (state_ != State::kUp) lost = NotSent(std::move(lost));
    const int64_t lasted_ms = SystemClock::Get()->MonotonicMs() - up_since_ms_;
    if (state_ == State::kUp && lasted_ms >= kLastedMs) pause_ms_ = kFirstPauseMs;
    state_ = State::kDown;
    FinishAll(lost);
  }
  RunReady();
}

void ChannelCore::OnEnded(const grpc::Status& status) {
  MutexLock lock(mu_);
  stream_ = nullptr;
  if (state_ == State::kClosed) return;
  Log(LogLevel::kDebug, "common.rpc.down",
      {{"peer", address_},
       {"code", static_cast<int>(status.error_code())},
       {"error", status.error_message()}});
  Later(pause_ms_, &ChannelCore::StartStream);
  pause_ms_ = std::min(pause_ms_ * 2, kLastPauseMs);
}

void ChannelCore::Close() {
  {
    MutexLock lock(mu_);
    state_ = State::kClosed;
    if (stream_ != nullptr) stream_->Cancel();
    FinishAll(absl::CancelledError("channel closed"));
  }
  RunReady();
  const int here = TimesRunningHere(this);
  MutexLock lock(mu_);
  while (running_ != here) stopped_running_.Wait(mu_);
}

class GrpcChannel final : public Channel {
 public:
  explicit GrpcChannel(std::string address)
      : core_(std::make_shared<ChannelCore>(std::move(address))) {
    core_->Start();
  }
  ~GrpcChannel() override { core_->Close(); }

  void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) override {
    core_->Call(method, std::move(request), timeout_ms, std::move(done));
  }
  void Send(Method method, Message request) override { core_->Send(method, std::move(request)); }

 private:
  const std::shared_ptr<ChannelCore> core_;
};

}  // namespace

bool WasNotSent(const absl::Status& status) {
  return status.GetPayload(kNotSentPayload).has_value();
}

std::shared_ptr<Channel> MakeChannel(std::string address) {
  return std::make_shared<GrpcChannel>(std::move(address));
}

}  // namespace openefs::rpc
