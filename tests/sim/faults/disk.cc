// Disks become slow or full, fail to sync, or forget bits.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {
namespace {

constexpr int64_t kMaxSlowness = 200;

// How long a disk stays as a fault made it, on average.
constexpr int64_t kSpell = 2 * kSecond;

}  // namespace

void StrikeSlowDisk(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("disks that became slow");
  SimNode& node = cluster.RandomNode();
  node.disk_slowness = env.random.Between(2, kMaxSlowness);
  env.scheduler.After(env.random.Exponential(kSpell), [&node] { node.disk_slowness = 1; });
}

void StrikeFullDisk(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("disks that filled up");
  SimNode& node = cluster.RandomNode();
  node.log.full = true;
  env.scheduler.After(env.random.Exponential(kSpell), [&node] { node.log.full = false; });
}

void StrikeFailedSync(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("disks that failed to sync");
  SimNode& node = cluster.RandomNode();
  node.log.fail_syncs = true;
  env.scheduler.After(env.random.Exponential(kSpell), [&node] { node.log.fail_syncs = false; });
}

// Of a minority only: what is on no sound disk is lost.
void StrikeBitRot(Cluster& cluster) {
  Environment& env = cluster.env();
  SimNode& node = cluster.RandomNode();
  if (!node.rotten && !cluster.CanLose(node)) return;
  if (!node.log.Rot()) return;
  node.rotten = true;
  env.counts.Add("bits turned over");
}

}  // namespace openefs::sim
