#include "bench/generator/fleet.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/random.h"

namespace openefs::bench {
namespace {

constexpr int64_t kMeanwhileMs = 20;
constexpr int64_t kKeeperPauseNs = 200'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

// A server that answers nothing for this long on a connection is tried anew; the request is not
// given up before the patience is over.
constexpr int64_t kSilenceNs = 30 * kSecondNs;

// Tasks of several loops, waited for by one thread.
struct Gathering {
  Mutex mu;
  CondVar ended;
  uint32_t left ABSL_GUARDED_BY(mu) = 0;
  absl::Status first ABSL_GUARDED_BY(mu);

  void End(const absl::Status& status) {
    MutexLock lock(mu);
    if (first.ok()) first = status;
    if (--left == 0) ended.SignalAll();
  }
};

Task<void> Report(Task<absl::Status> task, Gathering* gathering) {
  const absl::Status status = co_await std::move(task);
  gathering->End(status);
}

uint32_t ConnectionsOf(const FleetOptions& options) {
  const uint32_t wanted = options.connections != 0
                              ? options.connections
                              : std::min(options.sessions, Fleet::kMaxOwnConnections);
  return std::clamp(wanted, options.threads, std::max(options.threads, options.sessions));
}

}  // namespace

Fleet::Fleet(FleetOptions options, const Window* window, size_t step_kinds)
    : options_(std::move(options)), window_(window) {
  const uint32_t threads = std::max(1u, std::min(options_.threads, options_.sessions));
  for (uint32_t i = 0; i < threads; ++i) {
    loops_.push_back(std::make_unique<Loop>());
    recorders_.push_back(std::make_unique<Recorder>(window_, step_kinds));
  }
  const uint32_t connections = ConnectionsOf(options_) / threads * threads;
  for (uint32_t i = 0; i < connections; ++i) {
    connections_.push_back(
        std::make_unique<Connection>(loops_[i % threads].get(), options_.servers, i));
  }
  SessionOptions session;
  session.credentials = AuthSys(options_.uid, options_.gid, "openefs-bench");
  session.slots = options_.slots;
  session.max_io_bytes = options_.max_io_bytes;
  session.patience_ns = options_.patience_ms * 1'000'000;
  session.verifier = SystemRandom::Get()->Next64();
  for (uint32_t i = 0; i < options_.sessions; ++i) {
    session.owner = absl::StrCat("openefs-bench-", absl::Hex(session.verifier), "-", i);
    Connection* connection = connections_[i % connections].get();
    sessions_.push_back(std::make_unique<Session>(loops_[i % threads].get(), connection,
                                                  recorders_[i % threads].get(), session));
    clients_.push_back(std::make_unique<Client>(sessions_.back().get()));
  }
}

absl::Status Fleet::Open() {
  StartKeepers();
  return RunAll(sessions(), [this](uint32_t index) { return sessions_[index]->Open(); });
}

absl::Status Fleet::RunAll(uint32_t tasks, const MakeTask& make,
                           const std::function<void()>& meanwhile) {
  Gathering gathering;
  {
    MutexLock lock(gathering.mu);
    gathering.left = tasks;
  }
  for (uint32_t thread = 0; thread < threads(); ++thread) {
    loops_[thread]->Post([this, thread, tasks, &make, &gathering] {
      for (uint32_t i = 0; i < tasks; ++i) {
        if (ThreadOf(i % sessions()) == thread) Spawn(Report(make(i), &gathering));
      }
    });
  }
  MutexLock lock(gathering.mu);
  while (gathering.left > 0) {
    gathering.ended.WaitForMs(gathering.mu, kMeanwhileMs);
    if (!meanwhile) continue;
    gathering.mu.Unlock();
    meanwhile();
    gathering.mu.Lock();
  }
  return gathering.first;
}

absl::Status Fleet::RunFirst(const std::function<Task<absl::Status>(Client&)>& make) {
  return RunAll(1, [&](uint32_t) { return make(*clients_[0]); });
}

void Fleet::StartKeepers() {
  {
    MutexLock lock(mu_);
    keepers_ = 2 * threads();
  }
  for (uint32_t thread = 0; thread < threads(); ++thread) {
    loops_[thread]->Post([this, thread] {
      const auto ended = [this] {
        MutexLock lock(mu_);
        if (--keepers_ == 0) ended_.SignalAll();
      };
      Spawn(Watch(thread), ended);
      Spawn(Renew(thread), ended);
    });
  }
}

Task<void> Fleet::Watch(uint32_t thread) {
  while (!stopping_) {
    co_await loops_[thread]->SleepFor(kKeeperPauseNs);
    for (size_t i = thread; i < connections_.size(); i += threads()) {
      connections_[i]->CheckSilence(kSilenceNs);
    }
  }
}

Task<void> Fleet::Renew(uint32_t thread) {
  while (!stopping_) {
    co_await loops_[thread]->SleepFor(kKeeperPauseNs);
    const int64_t lease_ns = lease_ns_;
    if (lease_ns == 0) continue;
    std::vector<Task<void>> renewals;
    for (size_t i = thread; i < sessions_.size(); i += threads()) {
      renewals.push_back(sessions_[i]->RenewIfIdle(lease_ns / 3));
    }
    co_await JoinAll(std::move(renewals));
  }
}

Fleet::~Fleet() {
  stopping_ = true;
  {
    MutexLock lock(mu_);
    while (keepers_ > 0) ended_.Wait(mu_);
  }
  const auto close = [this](uint32_t index) -> Task<absl::Status> {
    co_await sessions_[index]->Close();
    co_return absl::OkStatus();
  };
  (void)RunAll(sessions(), close);
  for (size_t i = 0; i < connections_.size(); ++i) {
    loops_[i % threads()]->Post([this, i] { connections_[i]->Close("the run is over"); });
  }
  for (const auto& loop : loops_) loop->Join();
}

Tally Fleet::TotalTally() {
  Mutex mu;
  Tally total;
  (void)RunAll(threads(), [&](uint32_t thread) -> Task<absl::Status> {
    MutexLock lock(mu);
    total.Merge(recorders_[thread]->tally());
    co_return absl::OkStatus();
  });
  return total;
}

uint64_t Fleet::Reconnects() {
  std::atomic<uint64_t> reconnects{0};
  (void)RunAll(threads(), [&](uint32_t thread) -> Task<absl::Status> {
    for (size_t i = thread; i < connections_.size(); i += threads()) {
      reconnects += std::max<uint64_t>(connections_[i]->connects(), 1) - 1;
    }
    co_return absl::OkStatus();
  });
  return reconnects;
}

int64_t Fleet::CpuNs() const {
  int64_t used = 0;
  for (const auto& loop : loops_) used += loop->CpuNs();
  return used;
}

}  // namespace openefs::bench
