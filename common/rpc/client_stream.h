// One attempt at a stream to a peer: lives from connecting until it breaks. Includes gRPC: for .cc
// files of common/rpc.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/mutex.h"
#include "common/rpc/frame.h"
#include "common/rpc/serving.h"
#include "common/turn.h"

namespace openefs::rpc {

// What a stream tells its channel, on gRPC's threads.
class ClientStreamEvents {
 public:
  virtual ~ClientStreamEvents() = default;
  virtual void OnUp() = 0;
  // Replies first to last, and nothing else.
  virtual void OnReplies(std::vector<Frame> replies) = 0;
  virtual void OnBroken() = 0;                           // no reply will come any more
  virtual void OnEnded(const grpc::Status& status) = 0;  // last of all: time for the next attempt
};

class ClientStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                           public Answers,
                           public Deferred,
                           public std::enable_shared_from_this<ClientStream> {
 public:
  // Connects in the background, for as long as it takes; events go to who is still there.
  // `handlers` may be null.
  static std::shared_ptr<ClientStream> Start(grpc::GenericStub& stub,
                                             std::weak_ptr<ClientStreamEvents> events,
                                             std::shared_ptr<const Handlers> handlers);

  // Frames wait until the stream is up and Flush is called. UNAVAILABLE: it is broken.
  // RESOURCE_EXHAUSTED: too many bytes or one-way messages wait.
  absl::Status Enqueue(Frame frame);
  // Writes what waits, unless a write is under way, which then goes on with it.
  void Flush();
  // The same at the end of the thread's turn, if it is in one.
  void FlushSoon();
  // Forgets the frames that wait.
  void DropQueued();
  void Cancel();

 private:
  ClientStream(std::weak_ptr<ClientStreamEvents> events, std::shared_ptr<const Handlers> handlers)
      : events_(std::move(events)), handlers_(std::move(handlers)) {}

  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  void Deliver(std::vector<Frame> frames);
  void Serve(Frame frame);
  void AnswerCall(uint64_t call_id, size_t request_bytes, absl::StatusOr<Message> result) override;
  void Break();
  void ReleaseHold();
  void OnTurnEnd() override { Flush(); }

  // Constant.
  const std::weak_ptr<ClientStreamEvents> events_;
  const std::shared_ptr<const Handlers> handlers_;
  grpc::ClientContext context_;

  Mutex mu_;
  std::shared_ptr<ClientStream> self_ ABSL_GUARDED_BY(mu_);  // gRPC's reference, until OnDone
  Outbox outbox_ ABSL_GUARDED_BY(mu_);
  bool up_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  bool holding_ ABSL_GUARDED_BY(mu_) = true;  // keeps the stream valid for writes from outside
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  size_t served_calls_ ABSL_GUARDED_BY(mu_) = 0;  // requests whose reply is to come
  size_t served_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of these requests

  grpc::ByteBuffer read_;   // gRPC's between StartRead and OnReadDone
  grpc::ByteBuffer write_;  // gRPC's between StartWrite and OnWriteDone
};

}  // namespace openefs::rpc
