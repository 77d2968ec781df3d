// The serving end of one stream. Includes gRPC: for .cc files of common/rpc.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "common/mutex.h"
#include "common/rpc/frame.h"
#include "common/rpc/pending_calls.h"
#include "common/rpc/serving.h"
#include "common/turn.h"

namespace openefs::rpc {

class ServerStream;

// What the streams of one server share. Outlives them all.
struct ServerState {
  // Constant once the server has started.
  std::map<uint32_t, Server::OriginHandler> handlers;

  Mutex mu;
  CondVar changed;  // while stopping: a stream went, or has no call left
  bool stopping ABSL_GUARDED_BY(mu) = false;
  // Every stream that gRPC still knows or that has a reply to come.
  absl::flat_hash_set<std::shared_ptr<ServerStream>> streams ABSL_GUARDED_BY(mu);
};

class ServerStream final : public grpc::ServerGenericBidiReactor,
                           public Answers,
                           public Origin,
                           public Deferred,
                           public std::enable_shared_from_this<ServerStream> {
 public:
  // gRPC's reference is the one in state->streams.
  ServerStream(std::shared_ptr<ServerState> state, grpc::CallbackServerContext* context);

  void Begin();
  // From now on new calls are UNAVAILABLE; ends the stream once all replies are written.
  void Drain();
  // Ends the stream now.
  void Cancel();
  bool HasCalls();

  // Origin. What goes back is refused once the stream ends, or the server stops.
  uint64_t id() const override { return id_; }
  std::shared_ptr<Caller> Back() override;

  // For the caller that Back returns.
  void CallBack(Method method, Message request, int64_t timeout_ms, ReplyCallback done);
  void SendBack(Method method, Message request);
  bool IsUp();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void ServeBatch(std::vector<Frame> frames);
  void Serve(Frame frame);
  void ServeRequest(Frame frame, bool draining);
  void AnswerCall(uint64_t call_id, size_t request_bytes, absl::StatusOr<Message> result) override;
  bool MayRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Close(grpc::Status status);
  void Step();
  void StepSoon();
  void OnTurnEnd() override { Step(); }

  // Constant.
  const std::shared_ptr<ServerState> state_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone
  const uint64_t id_;
  const std::shared_ptr<PendingCalls> back_calls_;  // its lock is taken under mu_

  Mutex mu_;
  Outbox outbox_ ABSL_GUARDED_BY(mu_);
  size_t calls_ ABSL_GUARDED_BY(mu_) = 0;       // requests whose reply is to come
  size_t call_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of these requests
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool serving_ ABSL_GUARDED_BY(mu_) = false;  // a batch: the next read, and the end, wait
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;    // nothing more to read or write
  bool finished_ ABSL_GUARDED_BY(mu_) = false;  // Finish was called
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mu_);

  grpc::ByteBuffer read_;   // gRPC's between StartRead and OnReadDone
  grpc::ByteBuffer write_;  // gRPC's between StartWrite and OnWriteDone
};

}  // namespace openefs::rpc
