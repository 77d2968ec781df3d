#include "common/rpc/server_stream.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/log.h"
#include "common/rpc/grpc_bytes.h"
#include "common/rpc/rpc_metrics.h"
#include "common/tsan.h"

namespace openefs::rpc {
namespace {

absl::Status Ended() { return absl::UnavailableError("the peer's connection has ended"); }

uint64_t NextStreamId() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

// Refers to the stream without keeping it.
class BackCaller final : public Caller {
 public:
  BackCaller(std::weak_ptr<ServerStream> stream, std::shared_ptr<PendingCalls> calls)
      : stream_(std::move(stream)), calls_(std::move(calls)) {}

  void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) override {
    if (const auto stream = stream_.lock()) {
      stream->CallBack(method, std::move(request), timeout_ms, std::move(done));
    } else {
      calls_->Add(method, std::move(request), timeout_ms, std::move(done), Ended(),
                  [](const Frame&) { return Ended(); });
    }
  }
  void Send(Method method, Message request) override {
    if (const auto stream = stream_.lock()) {
      stream->SendBack(method, std::move(request));
    } else {
      CountOneWay(method, false);
    }
  }
  bool IsUp() const override {
    const auto stream = stream_.lock();
    return stream != nullptr && stream->IsUp();
  }

 private:
  const std::weak_ptr<ServerStream> stream_;
  const std::shared_ptr<PendingCalls> calls_;
};

}  // namespace

ServerStream::ServerStream(std::shared_ptr<ServerState> state, grpc::CallbackServerContext* context)
    : state_(std::move(state)),
      context_(context),
      id_(NextStreamId()),
      back_calls_(std::make_shared<PendingCalls>(context->peer())) {}

std::shared_ptr<Caller> ServerStream::Back() {
  return std::make_shared<BackCaller>(weak_from_this(), back_calls_);
}

void ServerStream::CallBack(Method method, Message request, int64_t timeout_ms,
                            ReplyCallback done) {
  {
    MutexLock lock(mu_);
    back_calls_->Add(method, std::move(request), timeout_ms, std::move(done),
                     closed_ || draining_ ? Ended() : absl::OkStatus(),
                     [this](Frame frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
                       outbox_.Push(std::move(frame));
                       return absl::OkStatus();
                     });
  }
  StepSoon();
}

void ServerStream::SendBack(Method method, Message request) {
  Frame frame{.kind = FrameKind::kOneWay,
              .method = static_cast<uint32_t>(method),
              .message = std::move(request)};
  bool sent = FrameBytes(frame) <= kMaxFrameBytes;
  {
    MutexLock lock(mu_);
    sent = sent && !closed_ && !draining_ && outbox_.TakesOneWay(frame);
    if (sent) outbox_.Push(std::move(frame));
  }
  CountOneWay(method, sent);
  if (sent) StepSoon();
}

bool ServerStream::IsUp() {
  MutexLock lock(mu_);
  return !closed_ && !draining_;
}

void ServerStream::Begin() {
  TsanRelease(this);
  StartSendInitialMetadata();  // tells the client that it may call
  Step();
}

void ServerStream::Drain() {
  {
    MutexLock lock(mu_);
    draining_ = true;
  }
  Step();
}

void ServerStream::Cancel() {
  MutexLock lock(mu_);
  if (!done_) context_->TryCancel();
}

bool ServerStream::HasCalls() {
  MutexLock lock(mu_);
  return calls_ > 0;
}

// A client that has this much under way is not read from until some of it is answered.
bool ServerStream::MayRead() {
  return calls_ < kMaxCallsInFlight && call_bytes_ + outbox_.bytes() < kMaxBytesInFlight;
}

// What one thread has for this stream in one turn goes out in one write.
void ServerStream::StepSoon() {
  if (!Turn::Defer(shared_from_this())) Step();
}

// Starts whatever the state asks for: a write, a read, the end. Reads start and the end is told
// under the lock, because no read may start after the end. A write keeps the end away by itself.
void ServerStream::Step() {
  BufferList batch;
  {
    MutexLock lock(mu_);
    if (finished_) return;
    if (closed_) outbox_.Clear();
    if (!writing_ && !outbox_.empty()) {
      writing_ = true;
      batch = outbox_.TakeBatch();
    }
    const bool answered = calls_ == 0 && !writing_ && !serving_;
    if (draining_ && answered && !std::exchange(closed_, true)) {
      status_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "server stops");
    }
    if (!closed_ && !reading_ && !serving_ && MayRead()) {
      reading_ = true;
      StartRead(&read_);
    }
    if (closed_ && !writing_) {
      finished_ = true;
      Finish(status_);
    }
  }
  if (batch.empty()) return;
  write_ = ToGrpc(batch);
  TsanRelease(&kTsanNetwork);
  StartWrite(&write_);
}

void ServerStream::Close(grpc::Status status) {
  {
    MutexLock lock(mu_);
    if (!std::exchange(closed_, true)) status_ = std::move(status);
  }
  Step();
}

void ServerStream::OnReadDone(bool ok) {
  const TsanHandOver hand_over(this);
  grpc::ByteBuffer bytes;
  {
    MutexLock lock(mu_);
    reading_ = false;
    serving_ = ok;
    bytes.Swap(&read_);
  }
  if (!ok) {
    Close(grpc::Status::OK);
    return;
  }
  absl::StatusOr<std::vector<Frame>> frames = DecodeBatch(FromGrpc(bytes));
  if (!frames.ok()) {
    Log(LogLevel::kWarning, "common.rpc.bad_request",
        {{"peer", context_->peer()}, {"error", frames.status().ToString()}});
    Close(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "malformed batch"));
    return;
  }
  ServeBatch(*std::move(frames));
}

// The replies that are there at once go out as one batch, and batches are served in order.
void ServerStream::ServeBatch(std::vector<Frame> frames) {
  {
    const Turn turn(Turn::Thread::kLent);
    for (Frame& frame : frames) Serve(std::move(frame));
  }
  {
    MutexLock lock(mu_);
    serving_ = false;
  }
  Step();
}

void ServerStream::Serve(Frame frame) {
  if (frame.kind == FrameKind::kReply) {
    std::vector<Frame> replies;
    replies.push_back(std::move(frame));
    return back_calls_->OnReplies(std::move(replies));
  }
  CountServed(static_cast<Method>(frame.method));
  bool draining;
  {
    MutexLock lock(mu_);
    draining = draining_;
    if (frame.kind == FrameKind::kRequest) {
      ++calls_;
      call_bytes_ += FrameBytes(frame);
    }
  }
  if (frame.kind == FrameKind::kRequest) return ServeRequest(std::move(frame), draining);
  const auto handler = state_->handlers.find(frame.method);
  if (handler == state_->handlers.end() || draining) return;
  handler->second(
      std::move(frame.message), [](const absl::StatusOr<Message>&) {}, *this);
}

void ServerStream::ServeRequest(Frame frame, bool draining) {
  const auto handler = state_->handlers.find(frame.method);
  Reply reply(shared_from_this(), frame.call_id, FrameBytes(frame));
  if (draining) {
    reply(absl::UnavailableError("server stops"));
  } else if (handler == state_->handlers.end()) {
    reply(absl::UnimplementedError(absl::StrCat("no method ", frame.method)));
  } else {
    handler->second(std::move(frame.message), std::move(reply), *this);
  }
}

void ServerStream::AnswerCall(uint64_t call_id, size_t request_bytes,
                              absl::StatusOr<Message> result) {
  bool last, gone;
  {
    MutexLock lock(mu_);
    --calls_;
    call_bytes_ -= request_bytes;
    if (!closed_) outbox_.Push(ReplyFrame(call_id, std::move(result)));
    last = calls_ == 0 && (draining_ || done_);
    gone = calls_ == 0 && done_;
  }
  StepSoon();
  if (!last) return;
  MutexLock lock(state_->mu);
  if (gone) state_->streams.erase(shared_from_this());
  state_->changed.SignalAll();
}

void ServerStream::OnWriteDone(bool ok) {
  const TsanHandOver hand_over(this);
  {
    MutexLock lock(mu_);
    writing_ = false;
    write_.Clear();
  }
  ok ? Step() : Close(grpc::Status::OK);
}

void ServerStream::OnCancel() {
  const TsanHandOver hand_over(this);
  Close(grpc::Status::CANCELLED);
}

void ServerStream::OnDone() {
  const TsanHandOver hand_over(this);
  const auto self = shared_from_this();  // until the lock is given back
  back_calls_->FailAll(Ended());         // none is added any more: it is closed
  back_calls_->RunReady();
  {
    MutexLock lock(mu_);
    done_ = true;
    if (calls_ > 0) return;  // the last reply takes it out
  }
  MutexLock lock(state_->mu);
  state_->streams.erase(self);
  state_->changed.SignalAll();
}

}  // namespace openefs::rpc
