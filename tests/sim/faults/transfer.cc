// Leadership is handed over: to a replica that an operator names, or to whom the leader finds best,
// and often because its machine is about to go down.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {

void StrikeTransfer(Cluster& cluster) {
  Environment& env = cluster.env();
  const GroupId group = env.AnyGroup();
  SimNode* leader = cluster.Leader(group);
  if (leader == nullptr) return;
  env.counts.Add("transfers asked");
  const NodeId to = env.random.Chance(500) ? 0 : cluster.RandomNode().id();
  const bool goes_down = env.random.Chance(300);
  // One that does not hear that it was obeyed.
  if (env.options.one_way_cuts > 0 && env.random.Chance(300)) {
    env.counts.Add("leaders deaf to a transfer");
    const int64_t delay_ns = 2 * env.options.delay_us * kUs;
    env.scheduler.After(delay_ns, [&cluster, leader] {
      if (cluster.env().faulty) DeafenForAWhile(cluster, leader->id());
    });
  }
  leader->TransferLeadership(group, to, [&env, leader, goes_down](const absl::Status& status) {
    if (!status.ok()) return;
    env.counts.Add("transfers done");
    // Not from within what the process does.
    if (goes_down) env.scheduler.After(0, leader->crash_for_a_while);
  });
}

}  // namespace openefs::sim
