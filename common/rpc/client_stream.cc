#include "common/rpc/client_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/rpc/grpc_bytes.h"
#include "common/rpc/grpc_options.h"
#include "common/rpc/rpc_metrics.h"
#include "common/tsan.h"

namespace openefs::rpc {

std::shared_ptr<ClientStream> ClientStream::Start(grpc::GenericStub& stub,
                                                  std::weak_ptr<ClientStreamEvents> events,
                                                  std::shared_ptr<const Handlers> handlers) {
  std::shared_ptr<ClientStream> stream(new ClientStream(std::move(events), std::move(handlers)));
  {
    MutexLock lock(stream->mu_);
    stream->self_ = stream;
  }
  stream->context_.set_wait_for_ready(true);
  stub.PrepareBidiStreamingCall(&stream->context_, kExchangeMethod, {}, stream.get());
  stream->AddHold();
  stream->StartRead(&stream->read_);
  TsanRelease(stream.get());
  stream->StartCall();
  return stream;
}

absl::Status ClientStream::Enqueue(Frame frame) {
  MutexLock lock(mu_);
  if (broken_) return absl::UnavailableError("connection lost");
  if (outbox_.bytes() + FrameBytes(frame) > kMaxBytesInFlight) {
    return absl::ResourceExhaustedError("too much queued");
  }
  if (frame.kind == FrameKind::kOneWay && !outbox_.TakesOneWay(frame)) {
    return absl::ResourceExhaustedError("too many one-way messages queued");
  }
  outbox_.Push(std::move(frame));
  return absl::OkStatus();
}

void ClientStream::DropQueued() {
  MutexLock lock(mu_);
  outbox_.Clear();
}

void ClientStream::Cancel() {
  MutexLock lock(mu_);
  if (!done_) context_.TryCancel();
}

void ClientStream::FlushSoon() {
  if (!Turn::Defer(shared_from_this())) Flush();
}

// One write at a time; what is pushed meanwhile goes out together in the next.
void ClientStream::Flush() {
  BufferList batch;
  {
    MutexLock lock(mu_);
    if (!up_ || broken_ || writing_ || outbox_.empty()) return;
    writing_ = true;
    batch = outbox_.TakeBatch();
  }
  write_ = ToGrpc(batch);
  TsanRelease(&kTsanNetwork);
  StartWrite(&write_);
}

void ClientStream::OnReadInitialMetadataDone(bool ok) {
  const TsanHandOver hand_over(this);
  if (!ok) return;  // OnReadDone follows with the same news
  {
    MutexLock lock(mu_);
    up_ = true;
  }
  if (const auto events = events_.lock()) events->OnUp();
  Flush();
}

void ClientStream::OnReadDone(bool ok) {
  const TsanHandOver hand_over(this);
  if (!ok) {
    Break();
    return;
  }
  grpc::ByteBuffer bytes;
  bytes.Swap(&read_);
  absl::StatusOr<std::vector<Frame>> frames = DecodeBatch(FromGrpc(bytes));
  if (!frames.ok()) {
    Log(LogLevel::kWarning, "common.rpc.bad_reply", {{"error", frames.status().ToString()}});
    Break();
    return;
  }
  Deliver(*std::move(frames));
  StartRead(&read_);
}

// What callbacks and handlers send because of one batch goes out as one batch.
void ClientStream::Deliver(std::vector<Frame> frames) {
  const Turn turn(Turn::Thread::kLent);
  std::vector<Frame> replies;
  for (Frame& frame : frames) {
    if (frame.kind == FrameKind::kReply) {
      replies.push_back(std::move(frame));
    } else {
      Serve(std::move(frame));
    }
  }
  const auto events = replies.empty() ? nullptr : events_.lock();
  if (events != nullptr) events->OnReplies(std::move(replies));
}

// Reading goes on whatever the peer asks: replies to this process's own calls come the same way.
void ClientStream::Serve(Frame frame) {
  static const Handlers none;
  const Handlers& handlers = handlers_ == nullptr ? none : *handlers_;
  const auto method = static_cast<Method>(frame.method);
  const auto handler = handlers.find(method);
  CountServed(method);
  if (frame.kind == FrameKind::kOneWay) {
    if (handler == handlers.end()) return;
    return handler->second(std::move(frame.message), [](const absl::StatusOr<Message>&) {});
  }
  const size_t bytes = FrameBytes(frame);
  bool too_much;
  {
    MutexLock lock(mu_);
    too_much = served_calls_ >= kMaxCallsInFlight || served_bytes_ + bytes > kMaxBytesInFlight;
    ++served_calls_;
    served_bytes_ += bytes;
  }
  Reply reply(shared_from_this(), frame.call_id, bytes);
  if (too_much) {
    reply(absl::ResourceExhaustedError("too much under way"));
  } else if (handler == handlers.end()) {
    reply(absl::UnimplementedError(absl::StrCat("no method ", frame.method)));
  } else {
    handler->second(std::move(frame.message), std::move(reply));
  }
}

// Without room the reply is lost, and the call ends by its deadline.
void ClientStream::AnswerCall(uint64_t call_id, size_t request_bytes,
                              absl::StatusOr<Message> result) {
  {
    MutexLock lock(mu_);
    --served_calls_;
    served_bytes_ -= request_bytes;
  }
  if (Enqueue(ReplyFrame(call_id, std::move(result))).ok()) FlushSoon();
}

void ClientStream::OnWriteDone(bool ok) {
  const TsanHandOver hand_over(this);
  {
    MutexLock lock(mu_);
    write_.Clear();
    writing_ = false;
  }
  ok ? Flush() : Break();
  ReleaseHold();
}

void ClientStream::Break() {
  bool first;
  {
    MutexLock lock(mu_);
    first = !std::exchange(broken_, true);
    outbox_.Clear();
    if (!done_) context_.TryCancel();
  }
  if (!first) return;
  if (const auto events = events_.lock()) events->OnBroken();
  ReleaseHold();
}

// Once broken, nothing starts a write any more, so the hold may go when the last one is back.
void ClientStream::ReleaseHold() {
  {
    MutexLock lock(mu_);
    if (!broken_ || writing_ || !std::exchange(holding_, false)) return;
  }
  RemoveHold();
}

void ClientStream::OnDone(const grpc::Status& status) {
  const TsanHandOver hand_over(this);
  std::shared_ptr<ClientStream> self;
  {
    MutexLock lock(mu_);
    done_ = true;
    self = std::move(self_);
  }
  if (const auto events = events_.lock()) events->OnEnded(status);
}

}  // namespace openefs::rpc
