// A process stands still (SIGSTOP, a virtual machine that moves): what was sent to it waits.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {

void StrikePause(Cluster& cluster) {
  Environment& env = cluster.env();
  SimNode* victim = env.random.Chance(600) ? cluster.Leader() : nullptr;
  if (victim == nullptr) victim = &cluster.RandomNode();
  victim->PauseFor(env.random.Exponential(env.options.pause_ms * kMs));
}

}  // namespace openefs::sim
