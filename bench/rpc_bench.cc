// Calls between two processes over loopback: small calls one at a time and 64 at a time, and
// payloads of a blob and of a fragment, there and back. Prints rates, and what a call costs both
// processes together: processor time and switches of threads.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"

namespace openefs::rpc {
namespace {

constexpr int64_t kRunMs = 2'000;
constexpr int64_t kTimeoutMs = 60'000;
constexpr Method kPut = Method::kPutFragment;       // bytes there
constexpr Method kGet = Method::kGetFragment;       // bytes back
constexpr Method kUsage = Method::kDataNodeStatus;  // what the server has used so far
constexpr size_t kFragmentBytes = 349'568;          // of a MiB in three, rounded up to 64

// Of this process or of several.
struct Usage {
  int64_t cpu_us = 0;
  int64_t switches = 0;

  static Usage OfThisProcess() {
    rusage usage;
    OPENEFS_CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
    return {(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
                usage.ru_stime.tv_usec,
            usage.ru_nvcsw + usage.ru_nivcsw};
  }
};

// Keeps `outstanding` calls under way until the time is up.
class Load {
 public:
  Load(Channel& channel, Method method, size_t payload_bytes)
      : channel_(channel),
        method_(method),
        bytes_(payload_bytes),
        payload_(Buffer::FromString(std::string(method == kPut ? payload_bytes : 0, 'p'))) {}

  void Run(const char* name, int outstanding) {
    const Usage before = UsageOfBoth();
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
    const Usage after = UsageOfBoth();
    const auto calls = static_cast<double>(done_);
    std::printf("%-26s %8.0f calls/s %6.0f MiB/s %8.1f us of CPU, %5.1f switches a call\n", name,
                calls * 1'000 / kRunMs,
                calls * 1'000 / kRunMs * static_cast<double>(bytes_) / (1 << 20),
                static_cast<double>(after.cpu_us - before.cpu_us) / calls,
                static_cast<double>(after.switches - before.switches) / calls);
  }

 private:
  void Next() {
    std::string header(128, 'h');
    if (method_ == kGet) header = absl::StrCat(bytes_);
    channel_.Call(method_, {std::move(header), {payload_}}, kTimeoutMs,
                  [this](absl::StatusOr<Message> reply) {
                    OPENEFS_CHECK(reply.ok());
                    ++done_;
                    if (SystemClock::Get()->MonotonicMs() < end_ms_) return Next();
                    MutexLock lock(mu_);
                    if (--under_way_ == 0) idle_.Signal();
                  });
  }

  Usage UsageOfBoth() {
    Usage both = Usage::OfThisProcess();
    MutexLock lock(mu_);
    under_way_ = 1;
    channel_.Call(kUsage, {}, kTimeoutMs, [this, &both](absl::StatusOr<Message> reply) {
      OPENEFS_CHECK(reply.ok());
      const std::vector<std::string> parts = absl::StrSplit(reply->header, ' ');
      int64_t cpu_us = 0, switches = 0;
      OPENEFS_CHECK(absl::SimpleAtoi(parts.at(0), &cpu_us));
      OPENEFS_CHECK(absl::SimpleAtoi(parts.at(1), &switches));
      MutexLock locked(mu_);
      both.cpu_us += cpu_us;
      both.switches += switches;
      under_way_ = 0;
      idle_.Signal();
    });
    while (under_way_ > 0) idle_.Wait(mu_);
    return both;
  }

  Channel& channel_;
  const Method method_;
  const size_t bytes_;
  const Buffer payload_;
  int64_t end_ms_ = 0;
  std::atomic<int64_t> done_{0};
  Mutex mu_;
  CondVar idle_;
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
};

// The child: tells its port and serves until its parent is gone.
[[noreturn]] void Serve(int port_to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto server = MakeServer();
  const Buffer bytes = Buffer::FromString(std::string(1 << 20, 'p'));
  server->Register(kPut, [](Message, ReplyCallback reply) { reply(Message()); });
  server->Register(kGet, [bytes](Message request, ReplyCallback reply) {
    size_t wanted = 0;
    OPENEFS_CHECK(absl::SimpleAtoi(request.header, &wanted));
    reply(Message{"", {bytes.Slice(0, wanted)}});
  });
  server->Register(kUsage, [](Message, ReplyCallback reply) {
    const Usage usage = Usage::OfThisProcess();
    reply(Message{absl::StrCat(usage.cpu_us, " ", usage.switches), {}});
  });
  OPENEFS_CHECK(server->Start("127.0.0.1:0").ok());
  const int port = server->port();
  OPENEFS_CHECK(::write(port_to, &port, sizeof port) == sizeof port);
  while (true) ::pause();
}

int Main() {
  int ports[2];
  OPENEFS_CHECK(::pipe(ports) == 0);
  const pid_t child = ::fork();
  OPENEFS_CHECK(child >= 0);
  if (child == 0) Serve(ports[1]);
  int port = 0;
  OPENEFS_CHECK(::read(ports[0], &port, sizeof port) == sizeof port);
  const auto channel = MakeChannel(absl::StrCat("127.0.0.1:", port));
  Load(*channel, kPut, 0).Run("empty, 1 outstanding", 1);
  Load(*channel, kPut, 0).Run("empty, 64 outstanding", 64);
  Load(*channel, kPut, kFragmentBytes).Run("put a fragment, 1", 1);
  Load(*channel, kPut, kFragmentBytes).Run("put a fragment, 8", 8);
  Load(*channel, kGet, kFragmentBytes).Run("get a fragment, 1", 1);
  Load(*channel, kGet, kFragmentBytes).Run("get a fragment, 8", 8);
  Load(*channel, kPut, 1 << 20).Run("put 1 MiB, 8 outstanding", 8);
  Load(*channel, kGet, 1 << 20).Run("get 1 MiB, 8 outstanding", 8);
  return 0;
}

}  // namespace
}  // namespace openefs::rpc

int main() { return openefs::rpc::Main(); }
