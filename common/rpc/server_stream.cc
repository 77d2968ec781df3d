#include "common/rpc/server_stream.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/log.h"
#include "common/rpc/grpc_bytes.h"
#include "common/rpc/rpc_metrics.h"
#include "common/tsan.h"

namespace openefs::rpc {
namespace {

Frame ReplyFrame(uint64_t call_id, absl::StatusOr<Message> result) {
  Frame frame{.kind = FrameKind::kReply, .call_id = call_id};
  if (result.ok()) {
    frame.message = *std::move(result);
    if (FrameBytes(frame) <= kMaxFrameBytes) return frame;
    result = absl::InternalError("reply too large");
  }
  frame.status = result.status().code();
  frame.message = {std::string(result.status().message().substr(0, kMaxStatusTextBytes)), {}};
  return frame;
}

}  // namespace

// The one answer a handler owes. Moved around by it; destroyed unused, it says so to the caller.
class Reply {
 public:
  Reply(std::shared_ptr<ServerStream> stream, uint64_t call_id, size_t request_bytes)
      : stream_(std::move(stream)), call_id_(call_id), request_bytes_(request_bytes) {}
  Reply(Reply&& other) noexcept = default;
  ~Reply() {
    if (stream_ != nullptr) (*this)(absl::InternalError("the handler gave no reply"));
  }
  void operator()(absl::StatusOr<Message> result) {
    OPENEFS_CHECK(stream_ != nullptr);  // a second reply to one request
    std::exchange(stream_, nullptr)->AnswerCall(call_id_, request_bytes_, std::move(result));
  }

 private:
  std::shared_ptr<ServerStream> stream_;
  uint64_t call_id_;
  size_t request_bytes_;
};

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
    if (draining_ && calls_ == 0 && !writing_ && !std::exchange(closed_, true)) {
      status_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "server stops");
    }
    if (!closed_ && !reading_ && MayRead()) {
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
  for (Frame& frame : *frames) Serve(std::move(frame));
  Step();
}

void ServerStream::Serve(Frame frame) {
  const size_t bytes = FrameBytes(frame);
  const auto method = static_cast<Method>(frame.method);
  const auto handler = state_->handlers.find(frame.method);
  CountServed(method);
  bool draining;
  {
    MutexLock lock(mu_);
    draining = draining_;
    if (frame.kind == FrameKind::kRequest) {
      ++calls_;
      call_bytes_ += bytes;
    }
  }
  if (frame.kind != FrameKind::kRequest) {
    const bool known = frame.kind == FrameKind::kOneWay && handler != state_->handlers.end();
    if (known && !draining) {
      handler->second(std::move(frame.message), [](const absl::StatusOr<Message>&) {});
    }
    return;
  }
  auto self = shared_from_this();
  Reply reply(std::move(self), frame.call_id, bytes);
  if (draining) {
    reply(absl::UnavailableError("server stops"));
  } else if (handler == state_->handlers.end()) {
    reply(absl::UnimplementedError(absl::StrCat("no method ", frame.method)));
  } else {
    handler->second(std::move(frame.message), std::move(reply));
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
  Step();
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
