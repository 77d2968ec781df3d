#include "common/rpc/channel.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/rpc/client_stream.h"
#include "common/rpc/frame.h"
#include "common/rpc/grpc_options.h"
#include "common/rpc/pending_calls.h"
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

// Half as long to as long: peers that lost each other at once do not come back at once.
int64_t Jittered(int64_t pause_ms) {
  const auto spread = static_cast<uint64_t>(pause_ms / 2) + 1;
  return pause_ms / 2 + static_cast<int64_t>(SystemRandom::Get()->Next64() % spread);
}

// What outlives the Channel while gRPC and timers still know of it.
class ChannelCore final : public ClientStreamEvents,
                          public std::enable_shared_from_this<ChannelCore> {
 public:
  ChannelCore(std::string address, std::shared_ptr<const Handlers> handlers)
      : address_(std::move(address)),
        handlers_(std::move(handlers)),
        stub_(MakeGrpcChannel(address_)),
        calls_(std::make_shared<PendingCalls>(address_)) {}

  void Start() {
    StartStream();
    Later(kFirstConnectMs, &ChannelCore::GiveUpFirstConnect);
  }

  void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done);
  void Send(Method method, Message request);
  bool IsUp();
  void Close();

  void OnUp() override;
  void OnReplies(std::vector<Frame> replies) override { calls_->OnReplies(std::move(replies)); }
  void OnBroken() override;
  void OnEnded(const grpc::Status& status) override;

 private:
  enum class State { kConnecting, kUp, kDown, kClosed };  // kConnecting: for the first time

  absl::Status Admit() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StartStream();
  void GiveUpFirstConnect();
  void Later(int64_t delay_ms, void (ChannelCore::*step)());

  // Constant.
  const std::string address_;
  const std::shared_ptr<const Handlers> handlers_;
  grpc::GenericStub stub_;
  const std::shared_ptr<PendingCalls> calls_;  // its lock is taken under mu_

  Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kConnecting;
  std::shared_ptr<ClientStream> stream_ ABSL_GUARDED_BY(mu_);
  int64_t up_since_ms_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t pause_ms_ ABSL_GUARDED_BY(mu_) = kFirstPauseMs;
};

void ChannelCore::Later(int64_t delay_ms, void (ChannelCore::*step)()) {
  Timers::Get().RunAfter(delay_ms, [weak = weak_from_this(), step] {
    if (const auto core = weak.lock()) ((*core).*step)();
  });
}

void ChannelCore::StartStream() {
  // Under the lock, so that no event of the stream comes before stream_ is set.
  MutexLock lock(mu_);
  if (state_ == State::kClosed) return;
  stream_ = ClientStream::Start(stub_, weak_from_this(), handlers_);
}

void ChannelCore::GiveUpFirstConnect() {
  {
    MutexLock lock(mu_);
    if (state_ != State::kConnecting) return;
    state_ = State::kDown;
    if (stream_ != nullptr) stream_->DropQueued();
    calls_->FailAll(NotSent(absl::UnavailableError(absl::StrCat("no connection to ", address_))));
  }
  calls_->RunReady();
}

absl::Status ChannelCore::Admit() const {
  if (state_ == State::kClosed) return absl::CancelledError("channel closed");
  if (state_ == State::kDown || stream_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("no connection to ", address_));
  }
  return absl::OkStatus();
}

void ChannelCore::Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) {
  std::shared_ptr<ClientStream> stream;
  {
    MutexLock lock(mu_);
    stream = stream_;
    calls_->Add(method, std::move(request), timeout_ms, std::move(done), Admit(),
                [&stream](Frame frame) { return stream->Enqueue(std::move(frame)); });
  }
  if (stream != nullptr) stream->FlushSoon();
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
  if (sent) stream->FlushSoon();
}

bool ChannelCore::IsUp() {
  MutexLock lock(mu_);
  return state_ == State::kUp;
}

void ChannelCore::OnUp() {
  MutexLock lock(mu_);
  if (state_ == State::kClosed) return;
  state_ = State::kUp;
  up_since_ms_ = SystemClock::Get()->MonotonicMs();
  Log(LogLevel::kDebug, "common.rpc.up", {{"peer", address_}});
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
    calls_->FailAll(lost);
  }
  calls_->RunReady();
}

void ChannelCore::OnEnded(const grpc::Status& status) {
  MutexLock lock(mu_);
  stream_ = nullptr;
  if (state_ == State::kClosed) return;
  Log(LogLevel::kDebug, "common.rpc.down",
      {{"peer", address_},
       {"code", static_cast<int>(status.error_code())},
       {"error", status.error_message()}});
  Later(Jittered(pause_ms_), &ChannelCore::StartStream);
  pause_ms_ = std::min(pause_ms_ * 2, kLastPauseMs);
}

void ChannelCore::Close() {
  {
    MutexLock lock(mu_);
    state_ = State::kClosed;
    if (stream_ != nullptr) stream_->Cancel();
    calls_->FailAll(absl::CancelledError("channel closed"));
  }
  calls_->RunReady();
  calls_->AwaitCallbacks();
}

class GrpcChannel final : public Channel {
 public:
  GrpcChannel(std::string address, std::shared_ptr<const Handlers> handlers)
      : core_(std::make_shared<ChannelCore>(std::move(address), std::move(handlers))) {
    core_->Start();
  }
  ~GrpcChannel() override { core_->Close(); }

  void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) override {
    core_->Call(method, std::move(request), timeout_ms, std::move(done));
  }
  void Send(Method method, Message request) override { core_->Send(method, std::move(request)); }
  bool IsUp() const override { return core_->IsUp(); }

 private:
  const std::shared_ptr<ChannelCore> core_;
};

}  // namespace

std::shared_ptr<Channel> MakeChannel(std::string address,
                                     std::shared_ptr<const Handlers> handlers) {
  return std::make_shared<GrpcChannel>(std::move(address), std::move(handlers));
}

}  // namespace openefs::rpc
