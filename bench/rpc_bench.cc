// Calls between roles over loopback: small calls one at a time and 64 at a time, and payloads of
// 1 MiB eight at a time. Prints rates; client and server share the process's cores.
#include <atomic>
#include <cstdio>
#include <functional>
#include <string>

#include "common/check.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"

namespace openefs::rpc {
namespace {

constexpr int64_t kRunMs = 2'000;
constexpr int64_t kTimeoutMs = 60'000;
constexpr Method kEcho = Method::kPutFragment;

// Keeps `outstanding` calls under way until the time is up.
class Load {
 public:
  Load(Channel& channel, size_t header_bytes, size_t payload_bytes)
      : channel_(channel),
        header_(header_bytes, 'h'),
        payload_(Buffer::FromString(std::string(payload_bytes, 'p'))) {}

  void Run(const char* name, int outstanding) {
    end_ms_ = SystemClock::Get()->MonotonicMs() + kRunMs;
    {
      MutexLock lock(mu_);
      under_way_ = outstanding;
    }
    for (int i = 0; i < outstanding; ++i) Next();
    {
      MutexLock lock(mu_);
      while (under_way_ > 0) idle_.Wait(mu_);
    }
    const double seconds = static_cast<double>(kRunMs) / 1'000;
    const double rate = static_cast<double>(done_) / seconds;
    const double mib = rate * static_cast<double>(payload_.size()) / (1 << 20);
    std::printf("%-28s %10.0f calls/s %10.0f MiB/s\n", name, rate, mib);
  }

 private:
  void Next() {
    channel_.Call(kEcho, {header_, {payload_}}, kTimeoutMs, [this](absl::StatusOr<Message> reply) {
      OPENEFS_CHECK(reply.ok());
      ++done_;
      if (SystemClock::Get()->MonotonicMs() < end_ms_) return Next();
      MutexLock lock(mu_);
      if (--under_way_ == 0) idle_.Signal();
    });
  }

  Channel& channel_;
  const std::string header_;
  const Buffer payload_;
  int64_t end_ms_ = 0;
  std::atomic<int64_t> done_{0};
  Mutex mu_;
  CondVar idle_;
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
};

int Main() {
  const auto server = MakeServer();
  server->Register(kEcho, [](Message request, ReplyCallback reply) {
    reply(Message{std::move(request.header), {}});
  });
  OPENEFS_CHECK(server->Start("127.0.0.1:0").ok());
  const auto channel = MakeChannel("127.0.0.1:" + std::to_string(server->port()));
  Load(*channel, 128, 0).Run("128 bytes, 1 outstanding", 1);
  Load(*channel, 128, 0).Run("128 bytes, 64 outstanding", 64);
  Load(*channel, 128, 1 << 20).Run("1 MiB, 1 outstanding", 1);
  Load(*channel, 128, 1 << 20).Run("1 MiB, 8 outstanding", 8);
  return 0;
}

}  // namespace
}  // namespace openefs::rpc

int main() { return openefs::rpc::Main(); }
