#include "common/rpc/grpc_options.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/slice.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/log.h"
#include "common/rpc/frame.h"

namespace openefs::rpc {
namespace {

// A peer that is cut off is noticed after the two together, about 5 s.
constexpr int kKeepaliveMs = 2'000;
constexpr int kKeepaliveTimeoutMs = 3'000;
// A peer that comes back is found within about a second: the pause between attempts stays below
// half a second, and an attempt that nobody answers ends after one.
constexpr int kFirstPauseMs = 50;
constexpr int kLastPauseMs = 500;
constexpr int kAttemptMs = 1'000;
// How far a sender may be ahead of the receiver: a few blobs, and 4 GB/s at a round trip of 1 ms.
// gRPC's own estimate of what a connection takes is off: its windows grew far beyond that, and a
// MiB cost a third to a half more processor time (bench/rpc_bench).
constexpr int kLookAheadBytes = 4 << 20;
// A frame of HTTP/2: a blob in one, where 16 KiB, which is what a peer may send unless told
// otherwise, makes 64 of it.
constexpr int kHttp2FrameBytes = 1 << 20;

// What gRPC says repeats what callers are told as statuses, except just before it aborts.
void LogFromGrpc(gpr_log_func_args* args) {
  const bool aborts = std::string_view(args->message).starts_with("assertion failed");
  Log(aborts ? LogLevel::kError : LogLevel::kDebug, "common.grpc",
      {{"at", args->file}, {"line", args->line}, {"text", args->message}});
}

// Of the threads that gRPC runs callbacks on (half as many as processors, 2 to 16) so many stay in
// use: one for four processors. At every event they pass the network's poll on to another one; with
// two of them on two processors a call cost 10 switches of threads at both ends together, with one
// 2.4, and half the processor time (bench/rpc_bench). What runs on them never blocks.
unsigned CallbackThreadsToPark() {
  const unsigned processors = std::thread::hardware_concurrency();
  const unsigned made = std::clamp(processors / 2, 2u, 16u);
  return made - std::max(processors / 4, 1u);
}

// Whether this is one of those threads, as this version of gRPC makes and calls them. In another
// one callbacks may run on threads that have other duties: those are left alone.
bool OnCallbackThread() {
  char name[16] = {};
  return ::prctl(PR_GET_NAME, name) == 0 && std::string_view(name) == "nexting_thread";
}

// Takes the thread it runs on out of use, for as long as the process lives.
void Park(const grpc::Status&) {
  while (OnCallbackThread()) ::pause();
}

// A call that ends before it began: its callback is what it is for.
struct NoCall {
  NoCall(grpc::GenericStub* stub, std::function<void(grpc::Status)> done) {
    context.set_deadline(std::chrono::system_clock::time_point());
    stub->UnaryCall(&context, "/openefs.Roles/None", {}, &request, &response, std::move(done));
  }
  grpc::ClientContext context;
  const grpc::Slice nothing;
  grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer response;
};

// gRPC's callback threads are shared, counted, and joined by whoever releases the last use of
// them. That must never be a callback on one of these threads, as the end of a channel often is, so
// one use is never released: a channel without a peer, and calls on it that ended before they
// began.
void KeepCallbackThreads() {
  struct Held {
    std::shared_ptr<grpc::Channel> channel =
        grpc::CreateChannel("ipv4:127.0.0.1:1", grpc::InsecureChannelCredentials());
    grpc::GenericStub stub{channel};
    std::deque<NoCall> calls;
  };
  static auto* held = new Held;
  held->calls.emplace_back(&held->stub, [](const grpc::Status&) {});
  for (unsigned i = 0; i < CallbackThreadsToPark(); ++i) {
    held->calls.emplace_back(&held->stub, &Park);
  }
}

void Prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(&LogFromGrpc);
    // Debian's Abseil is built to look for deadlocks at every lock that gRPC takes.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    KeepCallbackThreads();
  });
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeGrpcChannel(const std::string& address) {
  Prepare();
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstPauseMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastPauseMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kAttemptMs);
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kAttemptMs);
  args.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxBatchBytes);
  args.SetInt(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, kMaxBatchBytes);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookAheadBytes);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // roles speak to each other directly
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // callers decide what may be repeated
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a channel's pauses are its own
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

void ConfigureServer(grpc::ServerBuilder& builder) {
  Prepare();
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveMs / 4);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookAheadBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4);  // per connection; one is used
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);         // a taken port is an error
  builder.SetMaxReceiveMessageSize(kMaxBatchBytes);
  builder.SetMaxSendMessageSize(kMaxBatchBytes);
}

}  // namespace openefs::rpc
