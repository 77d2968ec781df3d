// The clients of one run: threads, connections, sessions. Made and closed as a whole, by the thread
// that runs the benchmark.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/client.h"
#include "bench/generator/connection.h"
#include "bench/generator/loop.h"
#include "bench/generator/recorder.h"
#include "bench/generator/session.h"
#include "common/mutex.h"

namespace openefs::bench {

struct FleetOptions {
  std::vector<Address> servers;  // of one NFS server; connections are dealt out to them
  uint32_t threads = 1;
  uint32_t sessions = 64;
  uint32_t connections = 0;  // 0: one for each session, at most kMaxOwnConnections
  uint32_t slots = 64;       // of each session, as Linux asks for
  uint32_t max_io_bytes = 1u << 20;
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t patience_ms = 60'000;
};

class Fleet {
 public:
  static constexpr uint32_t kMaxOwnConnections = 256;

  // `step_kinds` for the recorders. `window` outlives it.
  Fleet(FleetOptions options, const Window* window, size_t step_kinds);
  ~Fleet();  // closes sessions and connections

  // All sessions at once. Fails with the first failure.
  absl::Status Open();

  // Makes one task for each index below `tasks`, starts it on the loop of session
  // index % sessions, and waits for all of them; calls `meanwhile` about every 20 ms. The first
  // failure is the result.
  using MakeTask = std::function<Task<absl::Status>(uint32_t index)>;
  absl::Status RunAll(uint32_t tasks, const MakeTask& make,
                      const std::function<void()>& meanwhile = {});
  // One task on the first session.
  absl::Status RunFirst(const std::function<Task<absl::Status>(Client&)>& make);

  Client& client(uint32_t session) { return *clients_[session]; }
  uint32_t sessions() const { return options_.sessions; }
  uint32_t connections() const { return static_cast<uint32_t>(connections_.size()); }
  uint32_t threads() const { return static_cast<uint32_t>(loops_.size()); }
  Loop& loop(uint32_t thread) { return *loops_[thread]; }
  uint32_t ThreadOf(uint32_t session) const { return session % threads(); }
  Recorder& recorder(uint32_t thread) { return *recorders_[thread]; }

  // Sessions renew their leases from now on when they are idle.
  void SetLeaseSeconds(uint32_t seconds) { lease_ns_ = seconds * int64_t{1'000'000'000}; }

  // Of all threads together, asked of each on its own: leases are renewed meanwhile.
  Tally TotalTally();
  uint64_t Reconnects();
  int64_t CpuNs() const;

 private:
  void StartKeepers();
  Task<void> Watch(uint32_t thread);
  Task<void> Renew(uint32_t thread);

  const FleetOptions options_;
  const Window* const window_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Recorder>> recorders_;      // by thread
  std::vector<std::unique_ptr<Connection>> connections_;  // thread: index % threads
  std::vector<std::unique_ptr<Session>> sessions_;        // thread: index % threads
  std::vector<std::unique_ptr<Client>> clients_;          // one for each session

  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> lease_ns_{0};

  Mutex mu_;
  CondVar ended_;
  uint32_t keepers_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace openefs::bench
