// What one loop's actors and sessions observe. Written by the loop's thread; the counters that
// progress shows may be read by any thread meanwhile, the rest once the loop is idle.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/compound.h"
#include "bench/generator/histogram.h"

namespace openefs::bench {

// The time that is measured: what begins in [begin, end) counts. Set by the runner, read by all.
struct Window {
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> begin_ns{kNever};
  std::atomic<int64_t> end_ns{kNever};

  bool Contains(int64_t ns) const {
    return ns >= begin_ns.load(std::memory_order_relaxed) &&
           ns < end_ns.load(std::memory_order_relaxed);
  }
  bool Over() const;
  // Ends it now, if it has not ended.
  void EndNow();
};

// One kind of step or call.
struct Series {
  Histogram latency;       // of those that began in the window and went well
  uint64_t in_window = 0;  // of those that ended in it and went well: the rate
  uint64_t bytes = 0;      // that those moved
  uint64_t failed = 0;     // that began in the window and went wrong
};

struct Tally {
  std::vector<Series> steps;  // by kind of the workload
  std::array<Series, kCallKinds> calls;
  std::map<std::string, uint64_t> errors;  // message -> how often
  uint64_t delays = 0;                     // answers NFS4ERR_DELAY or GRACE, tried again
  uint64_t resends = 0;                    // requests sent again on another connection
  uint64_t session_losses = 0;             // sessions made anew

  void Merge(const Tally& other);
};

class Recorder {
 public:
  // More kinds of errors than this are counted together.
  static constexpr size_t kMaxErrorKinds = 30;

  Recorder(const Window* window, size_t step_kinds);

  // A step that was to begin at `intended_ns` has ended now.
  void Step(int kind, int64_t intended_ns, uint64_t bytes, const absl::Status& status);
  void Call(CallKind kind, int64_t sent_ns, bool ok);
  void Delay();
  void Resend() { tally_.resends += Counting(); }
  void SessionLoss() { tally_.session_losses += Counting(); }

  const Window& window() const { return *window_; }
  const Tally& tally() const { return tally_; }

  // For progress; any thread.
  struct Live {
    std::atomic<uint64_t> steps{0};
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> errors{0};
    std::atomic<uint64_t> delays{0};
  };
  const Live& live() const { return live_; }

 private:
  bool Counting() const;

  const Window* const window_;
  Tally tally_;
  Live live_;
};

}  // namespace openefs::bench
