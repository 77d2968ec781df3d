// Machines lose power: one by chance, the leader, or all at once.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {

void StrikeCrash(Cluster& cluster) { cluster.StrikeDown(cluster.RandomNode()); }

void StrikeLeaderCrash(Cluster& cluster) {
  if (SimNode* leader = cluster.Leader()) cluster.StrikeDown(*leader);
}

void StrikePowerLoss(Cluster& cluster) {
  cluster.env().counts.Add("power losses everywhere");
  for (const auto& node : cluster.nodes()) cluster.StrikeDown(*node);
}

}  // namespace openefs::sim
