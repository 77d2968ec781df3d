// Clocks: walls jump, and all run too fast or too slow.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {
namespace {

constexpr int64_t kMaxJump = 3'600 * kSecond;

}  // namespace

void StrikeClockJump(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("jumps of a wall clock");
  cluster.RandomNode().clock.JumpWall(env.random.Between(-kMaxJump, kMaxJump));
}

void StrikeDrift(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("changes of a clock's drift");
  const int64_t most = env.options.drift_percent;
  cluster.RandomNode().clock.SetDrift(env.random.Between(-most, most));
}

}  // namespace openefs::sim
