#include "replication/node/inbox.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "common/check.h"

namespace openefs::replication {
namespace {

// An inbox with a loop's own thread, which sleeps until there is news. What either kind of turn
// does is noted without a lock: turns must not overlap.
class Loop {
 public:
  Loop() {
    inbox_->SetGuestTurn([this](LoopInput& in) {
      guest_turns_ += 1;
      last_guest_ = std::this_thread::get_id();
      Note(in);
    });
    own_ = std::thread([this] {
      while (true) {
        LoopInput in = inbox_->Take(50);
        if (in.stop) return;
        own_failures_ += in.failures.size();
        Note(in);
      }
    });
  }
  ~Loop() { Stop(); }

  // From then on nothing changes.
  void Stop() {
    inbox_->Close();
    if (own_.joinable()) own_.join();
  }

  void AddBarrier() {
    const bool added =
        inbox_->AddBarrier({.group = 1, .done = [this](const absl::Status&) { ++answered_; }});
    OPENEFS_CHECK(added);
  }
  Inbox& inbox() { return *inbox_; }
  size_t answered() const { return answered_; }

  // After Stop.
  size_t own_failures() const { return own_failures_; }
  size_t overlaps() const { return overlaps_; }
  std::thread::id last_guest() const { return last_guest_; }
  size_t guest_turns() const { return guest_turns_; }

 private:
  void Note(LoopInput& in) {
    if (inside_.exchange(true)) ++overlaps_;
    for (BarrierRequest& barrier : in.barriers) barrier.done(absl::OkStatus());
    inside_ = false;
  }

  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::atomic<size_t> answered_{0};
  std::atomic<size_t> guest_turns_{0};
  std::atomic<bool> inside_{false};
  std::atomic<size_t> overlaps_{0};

  // Without a lock on purpose.
  size_t own_failures_ = 0;
  std::thread::id last_guest_;

  std::thread own_;
};

TEST_CASE("who brings news to a loop that sleeps takes the turn, when all of it is there") {
  Loop loop;
  // The loop's thread may be awake at first, or wake for its tick.
  while (loop.guest_turns() == 0) {
    const size_t before = loop.answered();
    {
      const Turn turn(Turn::Thread::kLent);
      loop.AddBarrier();
      loop.AddBarrier();
    }
    while (loop.answered() < before + 2) std::this_thread::yield();
  }
  loop.Stop();
  CHECK(loop.last_guest() == std::this_thread::get_id());
}

TEST_CASE("what may wait for the disk is left to the loop's own thread") {
  Loop loop;
  for (int i = 0; i < 20; ++i) {
    const Turn turn(Turn::Thread::kLent);
    loop.AddBarrier();
    loop.inbox().AddFailure({1, absl::InternalError("")});
  }
  while (loop.answered() < 20) std::this_thread::yield();
  loop.Stop();
  CHECK(loop.own_failures() == 20);
}

TEST_CASE("turns of many guests and of the loop itself do not overlap, and nothing is lost") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  Loop loop;
  std::vector<std::thread> guests;
  for (int i = 0; i < kThreads; ++i) {
    guests.emplace_back([&loop, i] {
      for (int round = 0; round < kRounds; ++round) {
        if (i == 0) {  // as the log writer does
          loop.AddBarrier();
        } else {
          const Turn turn(Turn::Thread::kLent);
          loop.AddBarrier();
        }
      }
    });
  }
  for (std::thread& guest : guests) guest.join();
  while (loop.answered() < size_t{kThreads} * kRounds) std::this_thread::yield();
  loop.Stop();
  CHECK(loop.answered() == size_t{kThreads} * kRounds);
  CHECK(loop.overlaps() == 0);
}

TEST_CASE("a thread that is not lent wakes the loop's own") {
  Loop loop;
  for (size_t i = 0; i < 20; ++i) {
    {
      const Turn turn;
      const Turn inner(Turn::Thread::kLent);
      loop.AddBarrier();
    }
    while (loop.answered() <= i) std::this_thread::yield();
  }
  loop.Stop();
  CHECK(loop.guest_turns() == 0);
}

TEST_CASE("an inbox that is closed calls no guest any more") {
  Loop loop;
  loop.Stop();
  const size_t turns = loop.guest_turns();
  {
    const Turn turn(Turn::Thread::kLent);
    CHECK_FALSE(loop.inbox().AddBarrier({.group = 1, .done = [](const absl::Status&) {}}));
  }
  CHECK(loop.guest_turns() == turns);
}

}  // namespace
}  // namespace openefs::replication
