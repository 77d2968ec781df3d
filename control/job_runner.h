// Runs background jobs, one after the other, on one thread.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "control/jobs/job.h"
#include "metadata/client/cluster_watcher.h"

namespace openefs::control {

struct JobRunnerOptions {
  // A job whose holder died starts elsewhere after this long. Renewed at half of it.
  int64_t lease_ms = 20'000;
  // Between rounds of a job that has more to do: what clients get meanwhile.
  int64_t pause_ms = 50;
  // After a failed round; doubles up to max_retry_ms.
  int64_t retry_ms = 1'000;
  int64_t max_retry_ms = 30'000;
};

class JobRunner {
 public:
  // `holder` names this process in leases. What the pointers name must outlive the runner.
  // `cluster` gives the state of the cluster; null as long as there is none.
  JobRunner(std::vector<std::unique_ptr<Job>> jobs, metadata::MetadataClient* metadata,
            datastore::BlobClient* blobs, ConnectDataNode connect,
            std::function<metadata::ClusterStatePtr()> cluster, std::string holder,
            const Clock* clock, JobRunnerOptions options);
  ~JobRunner();  // stops

  // Ends the round under way at its next call. No call starts after it returns.
  void Stop();

 private:
  struct Scheduled {
    std::unique_ptr<Job> job;
    metrics::Counter* rounds;
    metrics::Counter* failures;
    metrics::Counter* items;
    metrics::Gauge* leading;
    int64_t due_ms = 0;          // monotonic
    int64_t lease_until_ms = 0;  // monotonic, counted from before it was asked for
    int64_t retry_ms = 0;        // 0: the last round did not fail
  };

  static Scheduled Schedule(std::unique_ptr<Job> job);
  void Loop();
  void RunDue();
  void RunRound(Scheduled& scheduled, const metadata::ClusterStatePtr& cluster);
  absl::StatusOr<bool> HoldLease(Scheduled& scheduled);
  int64_t DelayAfter(Scheduled& scheduled, const absl::StatusOr<RoundEnd>& round) const;

  // Constant.
  metadata::MetadataClient* const metadata_;
  datastore::BlobClient* const blobs_;
  const ConnectDataNode connect_;
  const std::function<metadata::ClusterStatePtr()> cluster_;
  const std::string holder_;
  const Clock* const clock_;
  const JobRunnerOptions options_;
  const std::shared_ptr<StopSignal> signal_ = std::make_shared<StopSignal>();

  std::vector<Scheduled> jobs_;  // the thread's
  std::thread thread_;           // last: it uses the rest
};

}  // namespace openefs::control
