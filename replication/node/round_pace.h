// RoundPace: when the next round of heartbeats for read barriers may begin. A round costs the
// leader and a majority of the others a message each way, however many callers share it. So callers
// wait for the round under way and share the next one; and where many come, the loop rests after a
// round for about as long as that took, so that more of them do. At worst a barrier waits
// kMaxRestUs longer, as that is how often the loop's own thread looks for those that rest.
//
// Pure: the clock is handed in. In microseconds, of any origin, never going back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace openefs::replication {

// Rounds under way at once.
inline constexpr size_t kMaxBarrierRounds = 4;

// Callers that are worth a round of their own at once.
inline constexpr size_t kWorthARound = 32;

// Callers of one round that tell of many to come. Fewer, as of a handful of clients that wait for
// each answer, would only wait longer.
inline constexpr size_t kManyCallers = 8;

// The longest rest: between distant zones a round takes long enough to gather callers by itself.
inline constexpr int64_t kMaxRestUs = 300;

class RoundPace {
 public:
  bool MayBegin(size_t callers, size_t rounds_under_way, int64_t now_us) const {
    if (rounds_under_way >= kMaxBarrierRounds) return false;
    if (callers >= kWorthARound) return true;
    return rounds_under_way == 0 && now_us >= rests_until_us_;
  }

  void Began(size_t callers, int64_t now_us) {
    callers_ = callers;
    began_us_ = now_us;
  }

  // All rounds are over.
  void Ended(int64_t now_us) {
    if (callers_ < kManyCallers) return;
    rests_until_us_ = now_us + std::min(now_us - began_us_, kMaxRestUs);
  }

  int64_t rests_until_us() const { return rests_until_us_; }

 private:
  size_t callers_ = 0;  // of the round that began last
  int64_t began_us_ = 0;
  int64_t rests_until_us_ = 0;
};

}  // namespace openefs::replication
