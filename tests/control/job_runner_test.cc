#include "control/job_runner.h"

#include <catch2/catch.hpp>

#include "common/random.h"
#include "control/control_role.h"
#include "tests/common/notification.h"
#include "tests/control/fakes.h"

namespace openefs::control {
namespace {

// Counts its rounds.
class CountingJob final : public Job {
 public:
  using OnRound = std::function<absl::StatusOr<RoundEnd>(int round)>;
  explicit CountingJob(OnRound on_round) : on_round_(std::move(on_round)) {}
  const char* name() const override { return "counting"; }
  int64_t interval_ms() const override { return 1; }
  absl::StatusOr<RoundEnd> RunRound(JobContext&) override { return on_round_(++rounds_); }

 private:
  const OnRound on_round_;
  int rounds_ = 0;
};

// The lease table of a system group; leases do not run out.
struct Leases {
  std::string holder;
  int asked = 0;

  absl::Status operator()(GroupId group, const pb::Operation& op, pb::OperationResult& result) {
    if (!op.has_acquire_job_lease()) return absl::UnavailableError("leases only");
    CHECK(group == kSystemGroup);
    ++asked;
    if (holder.empty()) holder = op.acquire_job_lease().holder();
    result.mutable_job_lease()->set_acquired(holder == op.acquire_job_lease().holder());
    return absl::OkStatus();
  }
};

const JobRunnerOptions kFast = {.lease_ms = 4, .pause_ms = 1, .retry_ms = 1, .max_retry_ms = 2};

std::unique_ptr<JobRunner> Start(FakeMetadata& metadata, FakeBlobs& blobs,
                                 const std::string& holder, CountingJob::OnRound on_round,
                                 JobRunnerOptions options = kFast) {
  std::vector<std::unique_ptr<Job>> jobs;
  jobs.push_back(std::make_unique<CountingJob>(std::move(on_round)));
  return std::make_unique<JobRunner>(
      std::move(jobs), &metadata, &blobs, nullptr, [] { return Cluster({}); }, holder,
      SystemClock::Get(), options);
}

}  // namespace

TEST_CASE("runner: a job goes on after failed rounds and while there is more") {
  Leases leases;
  FakeMetadata metadata(std::ref(leases));
  FakeBlobs blobs;
  Countdown rounds(6);
  const auto runner = Start(metadata, blobs, "me", [&](int round) -> absl::StatusOr<RoundEnd> {
    rounds.Done();
    if (round % 3 == 0) return absl::UnavailableError("try again");
    return round % 3 == 1 ? RoundEnd::kMore : RoundEnd::kIdle;
  });
  rounds.Wait();
  runner->Stop();
  CHECK(leases.asked >= 1);
}

TEST_CASE("runner: a job whose lease another holds does not run here") {
  Leases leases;
  FakeMetadata metadata(std::ref(leases));
  FakeBlobs blobs;
  Countdown rounds(3);
  int others_rounds = 0;
  const auto count = [&](int) { return rounds.Done(), RoundEnd::kDone; };
  const auto first = Start(metadata, blobs, "first", count);
  rounds.Wait();
  const auto second = Start(metadata, blobs, "second", [&](int round) -> absl::StatusOr<RoundEnd> {
    others_rounds = round;
    return RoundEnd::kDone;
  });
  // It asks again and again, and is refused.
  for (int i = 0; i < 20; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  second->Stop();
  first->Stop();
  CHECK(others_rounds == 0);
}

TEST_CASE("runner: a lease is not asked for again while it is young") {
  Leases leases;
  FakeMetadata metadata(std::ref(leases));
  FakeBlobs blobs;
  Countdown rounds(4);
  const JobRunnerOptions options = {.lease_ms = 3'600'000, .pause_ms = 1};
  const auto runner = Start(
      metadata, blobs, "me", [&](int) { return rounds.Done(), RoundEnd::kMore; }, options);
  rounds.Wait();
  runner->Stop();
  CHECK(leases.asked == 1);
}

TEST_CASE("runner: stopping does not wait for an answer that never comes") {
  FakeBlobs blobs;
  blobs.silent = true;
  Notification asked;
  FakeMetadata metadata([&](GroupId, const pb::Operation& op, pb::OperationResult& result) {
    result.mutable_job_lease()->set_acquired(true);
    if (op.has_list_collectable()) {
      result.mutable_collectable()->add_blobs()->set_key("k");
      asked.Notify();
    }
    return absl::OkStatus();
  });
  std::vector<std::unique_ptr<Job>> jobs;
  jobs.push_back(MakeCollectJob());
  JobRunner runner(
      std::move(jobs), &metadata, &blobs, nullptr, [] { return Cluster({}); }, "me",
      SystemClock::Get(), kFast);
  asked.Wait();
  runner.Stop();
}

TEST_CASE("control role: keeps the map of its blob client and runs its jobs") {
  FakeBlobs blobs;
  Notification collected;
  bool done = false;
  FakeMetadata metadata([&](GroupId, const pb::Operation& op, pb::OperationResult& result) {
    if (op.has_get_cluster_state()) *result.mutable_cluster_state() = *Cluster({pb::NODE_UP});
    if (op.has_acquire_job_lease()) result.mutable_job_lease()->set_acquired(true);
    if (op.has_list_collectable() && !done) {
      auto* blob = result.mutable_collectable()->add_blobs();
      blob->set_key("k");
      *blob->mutable_id() = ToProto(BlobId::Make(1, 1, 1));
    }
    if (op.has_finish_collect() && !std::exchange(done, true)) collected.Notify();
    return absl::OkStatus();
  });
  const auto node = std::make_shared<FakeDataNode>();
  ControlRole role(
      &metadata, &blobs, [&](const pb::DataNode&) { return node; }, SystemClock::Get(),
      SystemRandom::Get());
  CHECK(blobs.WaitForEpoch() == 1);
  collected.Wait();
  role.Stop();
  CHECK(blobs.deleted == std::vector<BlobId>{BlobId::Make(1, 1, 1)});
}

}  // namespace openefs::control
