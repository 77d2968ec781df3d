#include "control/job_runner.h"

#include <algorithm>
#include <utility>

#include "common/log.h"

namespace openefs::control {
namespace {

// How often it looks for jobs that are due: far below their intervals.
constexpr int64_t kTickMs = 25;

}  // namespace

JobRunner::JobRunner(std::vector<std::unique_ptr<Job>> jobs, metadata::MetadataClient* metadata,
                     datastore::BlobClient* blobs, ConnectDataNode connect,
                     std::function<metadata::ClusterStatePtr()> cluster, std::string holder,
                     const Clock* clock, JobRunnerOptions options)
    : metadata_(metadata),
      blobs_(blobs),
      connect_(std::move(connect)),
      cluster_(std::move(cluster)),
      holder_(std::move(holder)),
      clock_(clock),
      options_(options) {
  for (std::unique_ptr<Job>& job : jobs) jobs_.push_back(Schedule(std::move(job)));
  thread_ = std::thread([this] { Loop(); });
}

JobRunner::~JobRunner() { Stop(); }

void JobRunner::Stop() {
  signal_->Stop();
  if (thread_.joinable()) thread_.join();
}

JobRunner::Scheduled JobRunner::Schedule(std::unique_ptr<Job> job) {
  const metrics::Labels labels = {{"job", job->name()}};
  Scheduled scheduled;
  scheduled.rounds =
      &metrics::GetCounter("openefs_job_rounds_total", "Rounds of background jobs", labels);
  scheduled.failures = &metrics::GetCounter("openefs_job_failures_total",
                                            "Rounds of background jobs that got nowhere", labels);
  scheduled.items = &metrics::GetCounter(
      "openefs_job_items_total", "Blobs collected, swept or repaired; purge entries", labels);
  scheduled.leading =
      &metrics::GetGauge("openefs_job_leading", "1: this process does the job", labels);
  scheduled.job = std::move(job);
  return scheduled;
}

void JobRunner::Loop() {
  do {
    RunDue();
  } while (signal_->Sleep(kTickMs));
  for (const Scheduled& scheduled : jobs_) scheduled.leading->Set(0);
}

void JobRunner::RunDue() {
  for (Scheduled& scheduled : jobs_) {
    if (signal_->Stopped() || clock_->MonotonicMs() < scheduled.due_ms) continue;
    const metadata::ClusterStatePtr cluster = cluster_();
    if (cluster == nullptr) return;  // not formatted, or nobody reached yet
    RunRound(scheduled, cluster);
  }
}

void JobRunner::RunRound(Scheduled& scheduled, const metadata::ClusterStatePtr& cluster) {
  const absl::StatusOr<bool> held = HoldLease(scheduled);
  scheduled.leading->Set(held.ok() && *held);
  if (held.ok() && !*held) {
    scheduled.due_ms = clock_->MonotonicMs() + options_.lease_ms / 2;
    return;
  }
  JobContext context{*metadata_, *blobs_, connect_, *clock_, signal_, cluster, *scheduled.items};
  const absl::StatusOr<RoundEnd> round =
      held.ok() ? scheduled.job->RunRound(context) : absl::StatusOr<RoundEnd>(held.status());
  scheduled.rounds->Add();
  if (!round.ok() && !signal_->Stopped()) {
    scheduled.failures->Add();
    Log(LogLevel::kWarning, "control.job.failed",
        {{"job", scheduled.job->name()}, {"error", round.status().ToString()}});
  }
  scheduled.due_ms = clock_->MonotonicMs() + DelayAfter(scheduled, round);
}

int64_t JobRunner::DelayAfter(Scheduled& scheduled, const absl::StatusOr<RoundEnd>& round) const {
  if (!round.ok()) {
    scheduled.retry_ms = scheduled.retry_ms == 0
                             ? options_.retry_ms
                             : std::min(scheduled.retry_ms * 2, options_.max_retry_ms);
    return scheduled.retry_ms;
  }
  scheduled.retry_ms = 0;
  switch (*round) {
    case RoundEnd::kIdle:
      return scheduled.job->idle_interval_ms();
    case RoundEnd::kDone:
      return scheduled.job->interval_ms();
    case RoundEnd::kMore:
      return options_.pause_ms;
  }
  return scheduled.job->interval_ms();
}

// True: this process may do the job. The lease runs from before it was asked for, so that this
// process never believes in it longer than the metadata service does.
absl::StatusOr<bool> JobRunner::HoldLease(Scheduled& scheduled) {
  const int64_t now_ms = clock_->MonotonicMs();
  if (now_ms + options_.lease_ms / 2 < scheduled.lease_until_ms) return true;
  pb::Operation acquire;
  acquire.mutable_acquire_job_lease()->set_job(scheduled.job->name());
  acquire.mutable_acquire_job_lease()->set_holder(holder_);
  acquire.mutable_acquire_job_lease()->set_lease_ms(static_cast<uint32_t>(options_.lease_ms));
  const auto acquired = Execute(signal_, *metadata_, kSystemGroup, std::move(acquire));
  if (!acquired.ok()) return acquired.status();
  if (!acquired->job_lease().acquired()) return false;
  scheduled.lease_until_ms = now_ms + options_.lease_ms;
  return true;
}

}  // namespace openefs::control
