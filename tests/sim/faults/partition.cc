// The network falls apart: into two sides that hear nothing of each other, or in one direction
// between some.
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {
namespace {

using Direction = std::pair<Address, Address>;

void CutForAWhile(Cluster& cluster, std::vector<Direction> directions) {
  Environment& env = cluster.env();
  for (const auto& [from, to] : directions) env.network.Cut(from, to);
  env.scheduler.After(env.random.Exponential(env.options.cut_ms * kMs),
                      [&env, directions = std::move(directions)] {
                        for (const auto& [from, to] : directions) env.network.Heal(from, to);
                      });
}

// Every node and front-end is on one of two sides; often the leader's is a lonely one.
std::vector<char> Sides(Cluster& cluster, const std::vector<Address>& all) {
  SimRandom& random = cluster.env().random;
  const SimNode* leader = cluster.Leader();
  const bool lonely = leader != nullptr && random.Chance(500);
  std::vector<char> sides;
  for (const Address address : all) {
    const bool there = lonely ? address == leader->id() : random.Chance(500);
    // Some of the front-ends are cut off with the leader: they alone can ask it.
    const bool with_it = lonely && address >= kFirstFrontEnd && random.Chance(500);
    sides.push_back(there || with_it ? 1 : 0);
  }
  return sides;
}

}  // namespace

void StrikePartition(Cluster& cluster) {
  cluster.env().counts.Add("partitions");
  const std::vector<Address> all = cluster.Addresses();
  const std::vector<char> sides = Sides(cluster, all);
  std::vector<Direction> cuts;
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < all.size(); ++j) {
      if (sides[i] != sides[j]) cuts.emplace_back(all[i], all[j]);
    }
  }
  CutForAWhile(cluster, std::move(cuts));
}

void StrikeOneWayCut(Cluster& cluster) {
  Environment& env = cluster.env();
  env.counts.Add("one-way cuts");
  const std::vector<Address> all = cluster.Addresses();
  const SimNode* leader = cluster.Leader();
  const Address victim = leader != nullptr && env.random.Chance(600)
                             ? leader->id()
                             : all[env.random.Below(all.size())];
  const bool deaf = env.random.Chance(500);  // else mute
  std::vector<Direction> cuts;
  for (const Address other : all) {
    if (other == victim || env.random.Chance(300)) continue;
    cuts.emplace_back(deaf ? other : victim, deaf ? victim : other);
  }
  CutForAWhile(cluster, std::move(cuts));
}

void DeafenForAWhile(Cluster& cluster, NodeId node) {
  std::vector<Direction> cuts;
  for (const auto& other : cluster.nodes()) {
    if (other->id() != node) cuts.emplace_back(other->id(), node);
  }
  CutForAWhile(cluster, std::move(cuts));
}

}  // namespace openefs::sim
