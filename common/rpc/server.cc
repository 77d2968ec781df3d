#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_options.h"
#include "common/rpc/server_stream.h"
#include "common/tsan.h"

namespace openefs::rpc {
namespace {

// One stream per peer: far more than a cluster has roles.
constexpr size_t kMaxStreams = 4096;

// How long Stop waits for clients to take their last replies before it cuts their streams.
constexpr int64_t kFlushMs = 1'000;

// Ends a stream before it began.
class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

class RolesService final : public grpc::CallbackGenericService {
 public:
  explicit RolesService(std::shared_ptr<ServerState> state) : state_(std::move(state)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    TsanAcquire(state_.get());
    if (context->method() != kExchangeMethod) {
      return new Refusal({grpc::StatusCode::UNIMPLEMENTED, "unknown method"});
    }
    const auto stream = std::make_shared<ServerStream>(state_, context);
    {
      MutexLock lock(state_->mu);
      if (state_->stopping) return new Refusal({grpc::StatusCode::UNAVAILABLE, "server stops"});
      if (state_->streams.size() >= kMaxStreams) {
        return new Refusal({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"});
      }
      state_->streams.insert(stream);
    }
    stream->Begin();
    return stream.get();
  }

 private:
  const std::shared_ptr<ServerState> state_;
};

class GrpcServer final : public Server {
 public:
  ~GrpcServer() override { Stop(); }

  void Register(Method method, Handler handler) override {
    RegisterWithOrigin(
        method, [handler = std::move(handler)](Message request, ReplyCallback reply, Origin&) {
          handler(std::move(request), std::move(reply));
        });
  }
  void RegisterWithOrigin(Method method, OriginHandler handler) override {
    OPENEFS_CHECK(server_ == nullptr);
    const auto number = static_cast<uint32_t>(method);
    const bool is_new = state_->handlers.emplace(number, std::move(handler)).second;
    OPENEFS_CHECK(is_new);
  }

  absl::Status Start(const std::string& address) override;
  int port() const override { return port_; }
  size_t streams() const override {
    MutexLock lock(state_->mu);
    return state_->streams.size();
  }
  void Stop() override;

 private:
  bool HasCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mu);

  const std::shared_ptr<ServerState> state_ = std::make_shared<ServerState>();
  RolesService service_{state_};
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

absl::Status GrpcServer::Start(const std::string& address) {
  OPENEFS_CHECK(server_ == nullptr);
  grpc::ServerBuilder builder;
  ConfigureServer(builder);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterCallbackGenericService(&service_);
  TsanRelease(state_.get());
  server_ = builder.BuildAndStart();
  if (server_ != nullptr && port_ != 0) return absl::OkStatus();
  server_ = nullptr;
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": not a free local address"));
}

bool GrpcServer::HasCalls() {
  return std::any_of(state_->streams.begin(), state_->streams.end(),
                     [](const auto& stream) { return stream->HasCalls(); });
}

void GrpcServer::Stop() {
  if (server_ == nullptr) return;
  absl::flat_hash_set<std::shared_ptr<ServerStream>> streams;
  {
    MutexLock lock(state_->mu);
    state_->stopping = true;
    streams = state_->streams;
  }
  for (const auto& stream : streams) stream->Drain();
  {
    MutexLock lock(state_->mu);
    while (HasCalls()) state_->changed.Wait(state_->mu);
    const int64_t end_ms = SystemClock::Get()->MonotonicMs() + kFlushMs;
    for (int64_t left_ms = kFlushMs; left_ms > 0 && !state_->streams.empty();) {
      state_->changed.WaitForMs(state_->mu, left_ms);
      left_ms = end_ms - SystemClock::Get()->MonotonicMs();
    }
  }
  for (const auto& stream : streams) stream->Cancel();
  {
    MutexLock lock(state_->mu);
    while (!state_->streams.empty()) state_->changed.Wait(state_->mu);
  }
  server_->Shutdown();
  server_ = nullptr;
}

}  // namespace

std::unique_ptr<Server> MakeServer() { return std::make_unique<GrpcServer>(); }

}  // namespace openefs::rpc
