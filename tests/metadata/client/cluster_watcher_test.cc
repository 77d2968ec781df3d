#include "metadata/client/cluster_watcher.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace openefs::metadata {
namespace {

// Answers from a state that the test sets; can refuse, or keep its callers waiting.
class FakeClient final : public MetadataClient {
 public:
  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    const uint64_t known = request->operations(0).get_cluster_state().known_epoch();
    auto response = std::make_unique<pb::SegmentResponse>();
    {
      MutexLock lock(mu_);
      ++asked_;
      changed_.SignalAll();
      if (silent_) {
        kept_.push_back(std::move(done));
        changed_.SignalAll();
        return;
      }
      if (down_) response = nullptr;
      if (response != nullptr) Fill(known, response->add_results());
    }
    if (response == nullptr) {
      done(absl::UnavailableError("no leader"));
    } else {
      done(std::move(response));
    }
  }

  void Set(uint64_t epoch) {
    MutexLock lock(mu_);
    epoch_ = epoch;
  }
  void SetDown(bool down) {
    MutexLock lock(mu_);
    down_ = down;
  }
  void SetSilent() {
    MutexLock lock(mu_);
    silent_ = true;
  }
  // From now on.
  void WaitForAsked(int times) {
    MutexLock lock(mu_);
    const int enough = asked_ + times;
    while (asked_ < enough) changed_.Wait(mu_);
  }
  std::vector<SegmentCallback> WaitForKept() {
    MutexLock lock(mu_);
    while (kept_.empty()) changed_.Wait(mu_);
    return std::exchange(kept_, {});
  }

 private:
  void Fill(uint64_t known, pb::OperationResult* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (epoch_ == 0) {
      result->set_error(pb::FS_NOENT);
      return;
    }
    pb::ClusterState* state = result->mutable_cluster_state();
    state->mutable_map()->set_epoch(epoch_);
    if (epoch_ != known) state->add_file_systems()->set_fs_id(epoch_ * 100);
  }

  Mutex mu_;
  CondVar changed_;
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  int asked_ ABSL_GUARDED_BY(mu_) = 0;
  bool down_ ABSL_GUARDED_BY(mu_) = false;
  bool silent_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<SegmentCallback> kept_ ABSL_GUARDED_BY(mu_);
};

// What a watcher told.
class Seen {
 public:
  void Add(const ClusterStatePtr& state) {
    MutexLock lock(mu_);
    states_.push_back(state);
    changed_.SignalAll();
  }
  std::vector<ClusterStatePtr> WaitFor(size_t count) {
    MutexLock lock(mu_);
    while (states_.size() < count) changed_.Wait(mu_);
    return states_;
  }
  size_t size() {
    MutexLock lock(mu_);
    return states_.size();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<ClusterStatePtr> states_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

TEST_CASE("a watcher tells each new epoch once, whole") {
  FakeClient client;
  Seen seen;
  ClusterWatcher watcher(
      &client, [&](const ClusterStatePtr& state) { seen.Add(state); }, 1);
  client.WaitForAsked(2);
  CHECK(seen.size() == 0);  // not formatted yet
  CHECK(watcher.Latest() == nullptr);
  client.Set(3);
  seen.WaitFor(1);
  client.WaitForAsked(3);
  client.Set(2);  // a replica that lags behind
  client.WaitForAsked(3);
  client.SetDown(true);
  client.WaitForAsked(3);
  client.Set(7);
  client.SetDown(false);
  const auto states = seen.WaitFor(2);
  client.WaitForAsked(3);
  CHECK(seen.size() == 2);
  CHECK(states[0]->map().epoch() == 3);
  CHECK(states[0]->file_systems(0).fs_id() == 300);
  CHECK(states[1]->file_systems(0).fs_id() == 700);
  CHECK(watcher.Latest() == states[1]);
  CHECK(MapOf(states[1])->epoch() == 7);
}

TEST_CASE("a watcher stops while a reply is due, and the late reply does no harm") {
  FakeClient client;
  client.Set(1);
  client.SetSilent();
  std::vector<SegmentCallback> kept;
  {
    ClusterWatcher watcher(
        &client, [](const ClusterStatePtr&) { FAIL("no state came"); }, 1);
    kept = client.WaitForKept();
  }
  REQUIRE(kept.size() == 1);
  auto response = std::make_unique<pb::SegmentResponse>();
  response->add_results()->mutable_cluster_state()->mutable_map()->set_epoch(1);
  kept[0](std::move(response));
}

TEST_CASE("a watcher that sleeps stops at once") {
  FakeClient client;
  client.Set(1);
  Seen seen;
  ClusterWatcher watcher(
      &client, [&](const ClusterStatePtr& state) { seen.Add(state); }, 3'600'000);
  seen.WaitFor(1);
  watcher.Stop();
  watcher.Stop();
}

}  // namespace openefs::metadata
