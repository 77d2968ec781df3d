// Runs one workload against a server and measures it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/generator/fleet.h"
#include "bench/generator/recorder.h"
#include "bench/generator/schedule.h"
#include "bench/generator/server_cost.h"
#include "bench/generator/workload.h"

namespace openefs::bench {

// What a run shows of itself while it goes on, about once a second.
struct Progress {
  const char* phase = "";       // "setting up", "warming up", "measuring", "clearing up"
  double seconds = 0;           // since the phase began
  double steps_per_second = 0;  // since the last report
  double mb_per_second = 0;
  uint64_t errors = 0;  // so far
  uint64_t delays = 0;
};

struct RunOptions {
  FleetOptions fleet;
  std::string path;        // an existing directory of the server; the run makes its own below it
  uint32_t in_flight = 1;  // actors of each session: requests under way at once
  int64_t warmup_ms = 1'000;
  int64_t run_ms = 10'000;
  double rate = 0;  // steps a second, all together (open loop); 0: as fast as answers come
  Schedule::Arrival arrival = Schedule::Arrival::kEven;
  uint64_t seed = 1;
  bool keep = false;  // leave the files
  ServerWatch server;
  // Run by /bin/sh after setting up and before the load; the run waits for it.
  std::string before_load;
};

struct RunResult {
  std::string workload;
  std::vector<std::string> kinds;
  WorkloadOptions options;
  uint32_t sessions = 0;
  uint32_t in_flight = 0;
  uint32_t connections = 0;
  uint32_t threads = 0;
  double rate = 0;
  double seconds = 0;  // of the measurement
  bool interrupted = false;
  Tally tally;
  uint64_t reconnects = 0;
  double generator_cpu_seconds = 0;
  std::optional<double> server_cpu_seconds;
  // From before setting up to the end of the load: how much the server's directories grew, and the
  // bytes of the files that were there then.
  std::optional<int64_t> disk_grown_bytes;
  uint64_t user_bytes = 0;

  uint64_t steps() const;  // that ended well within the measurement
  uint64_t bytes() const;
  uint64_t failed() const;
};

struct RunHooks {
  std::function<void(const Progress&)> progress;  // by the calling thread
  std::function<bool()> interrupted;              // true: stop early, clear up
};

// Sets up, warms up, measures, clears up. An error: there is no result, because the server could
// not be reached or does not do what the workload needs. Steps that fail are in the result.
absl::StatusOr<RunResult> RunWorkload(const WorkloadInfo& info, const WorkloadOptions& options,
                                      const RunOptions& run, const RunHooks& hooks);

}  // namespace openefs::bench
