#include "metadata/service/live_check.h"

#include <algorithm>
#include <utility>

#include "common/random.h"
#include "metadata/store/check.h"

namespace openefs::metadata {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// Shorter rests cost more in switching than they give back.
constexpr int64_t kMinRestMs = 5;

void Fill(CheckReport report, pb::StoreCheckStatus* status) {
  status->set_rows(report.rows);
  status->set_applied_index(report.applied_index);
  status->set_file_systems(report.file_systems);
  status->set_inodes(report.inodes);
  status->set_entries(report.entries);
  status->set_extents(report.extents);
  status->set_blobs(report.blobs);
  status->set_clients(report.clients);
  status->set_states(report.states);
  status->set_lock_ranges(report.lock_ranges);
  status->set_complete(report.complete);
  status->set_problem_count(report.problem_count);
  for (std::string& problem : report.problems) status->add_problems(std::move(problem));
}

}  // namespace

absl::StatusOr<pb::StoreCheckStatus> LiveCheck::Begin(TakeSnapshot take) {
  MutexLock thread_lock(thread_mu_);
  pb::StoreCheckStatus begun;
  {
    MutexLock lock(mu_);
    if (stopping_) return absl::UnavailableError("this node is stopping");
    if (status_.running()) return absl::FailedPreconditionError("a check is running already");
    status_.Clear();
    status_.set_id(SystemRandom::Get()->Next64() | 1);  // never 0, and not one of another run
    status_.set_running(true);
    begun = status_;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, snapshot = take()]() mutable { Run(std::move(snapshot)); });
  return begun;
}

absl::StatusOr<pb::StoreCheckStatus> LiveCheck::Ask(uint64_t id) const {
  MutexLock lock(mu_);
  if (id == 0 || status_.id() != id) {
    return absl::NotFoundError("the node knows nothing of this check: it was started anew");
  }
  return status_;
}

void LiveCheck::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    stop_signal_.SignalAll();
  }
  MutexLock thread_lock(thread_mu_);
  if (thread_.joinable()) thread_.join();
}

void LiveCheck::Run(std::unique_ptr<KvSnapshot> snapshot) {
  working_since_ns_ = clock_->MonotonicNs();
  CheckReport report =
      CheckStore(*snapshot, {.pace = [this](uint64_t rows) { return Pace(rows); }});
  snapshot.reset();
  MutexLock lock(mu_);
  Fill(std::move(report), &status_);
  status_.set_running(false);
}

bool LiveCheck::Pace(uint64_t rows) {
  MutexLock lock(mu_);
  status_.set_rows(rows);
  const int64_t rest_ms = (clock_->MonotonicNs() - working_since_ns_) * kCheckRestFactor / kNsPerMs;
  if (rest_ms < kMinRestMs) return !stopping_;
  if (!stopping_) stop_signal_.WaitForMs(mu_, rest_ms);
  working_since_ns_ = clock_->MonotonicNs();
  return !stopping_;
}

}  // namespace openefs::metadata
