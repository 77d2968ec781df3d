#include "sim_options.h"

#include <initializer_list>
#include <utility>

#include "common/random.h"

namespace openefs::replication::sim {
namespace {

template <typename Value>
std::string List(std::initializer_list<std::pair<const char*, Value>> items) {
  std::string text;
  for (const auto& [name, value] : items) {
    text += (text.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(value);
  }
  return text;
}

}  // namespace

SimOptions SimOptions::FromSeed(uint64_t seed) {
  SeededRandom random(seed * 2 + 1);
  const auto pick = [&](uint64_t below) { return static_cast<int>(random.Next64() % below); };
  SimOptions options;
  options.seed = seed;
  options.nodes = pick(2) == 0 ? 5 : 3;
  options.loss = pick(2) == 0 ? 0 : pick(30);
  options.duplication = pick(2) == 0 ? 0 : pick(15);
  options.crashes = pick(4) == 0 ? 0 : pick(100);
  options.partitions = pick(3) == 0 ? 0 : pick(80);
  options.cut_links = pick(3) == 0 ? 0 : pick(100);
  options.slow_clocks = pick(3) == 0 ? 0 : pick(40);
  options.pauses = pick(3) == 0 ? 0 : pick(60);
  options.compactions = pick(3) == 0 ? 0 : 50 + pick(400);
  options.append_entries = 1 + pick(4);
  options.proposals = 1 + pick(30);
  options.syncs = 10 + pick(60);
  options.transfers = pick(2) == 0 ? 0 : pick(60);
  if (pick(2) == 0) {
    options.spares = 1 + pick(3);
    options.changes = 10 + pick(150);
  }
  if (pick(3) == 0) {  // a storm: leaders fall before their entries are everywhere
    options.nodes = 5;
    options.proposals = 1 + pick(5);
    options.append_entries = 1;
    options.leader_crashes = pick(2) == 0 ? 0 : 50 + pick(150);
    options.partitions = 50 + pick(150);
    options.fallen_leaders = 20 + pick(60);
  }
  if (pick(3) == 0) {
    options.leases = true;
    options.barriers = 40;
    options.drift_percent = pick(kStatedDrift + 1);
    if (pick(2) == 0) {  // leases that last long enough for others to act meanwhile
      options.broken_promises = 1 + pick(40);
      options.election_ticks = 5 + pick(15);
      options.steps = 500;
    }
  }
  if (pick(2) == 0) options.unapplied_to_lead = static_cast<uint64_t>(pick(6));
  return options;
}

std::string SimOptions::ToString() const {
  return List<uint64_t>({{"seed", seed},
                         {"bug", static_cast<uint64_t>(planted_bug)},
                         {"nodes", nodes},
                         {"spares", spares},
                         {"append_entries", append_entries},
                         {"unapplied_to_lead", unapplied_to_lead},
                         {"drift", drift_percent}}) +
         " " +
         List<int>({{"steps", steps},
                    {"election_ticks", election_ticks},
                    {"loss", loss},
                    {"duplication", duplication},
                    {"fallen_leaders", fallen_leaders},
                    {"proposals", proposals},
                    {"barriers", barriers},
                    {"syncs", syncs},
                    {"crashes", crashes},
                    {"leader_crashes", leader_crashes},
                    {"partitions", partitions},
                    {"cut_links", cut_links},
                    {"slow_clocks", slow_clocks},
                    {"pauses", pauses},
                    {"compactions", compactions},
                    {"changes", changes},
                    {"transfers", transfers},
                    {"broken_promises", broken_promises},
                    {"leases", leases ? 1 : 0}});
}

void SimCounts::Add(const SimCounts& o) {
  leaders += o.leaders;
  committed += o.committed;
  barriers += o.barriers;
  dropped_barriers += o.dropped_barriers;
  lease_reads += o.lease_reads;
  crashes += o.crashes;
  partitions += o.partitions;
  cut_links += o.cut_links;
  pauses += o.pauses;
  broken_promises += o.broken_promises;
  lost_writes += o.lost_writes;
  disk_reads += o.disk_reads;
  compactions += o.compactions;
  configurations += o.configurations;
  joint += o.joint;
  rollbacks += o.rollbacks;
  snapshots += o.snapshots;
  unwanted_snapshots += o.unwanted_snapshots;
  transfers += o.transfers;
  transfers_done += o.transfers_done;
}

std::string SimCounts::ToString() const {
  return List<size_t>({{"leaders", leaders},
                       {"committed", committed},
                       {"barriers", barriers},
                       {"dropped_barriers", dropped_barriers},
                       {"lease_reads", lease_reads},
                       {"crashes", crashes},
                       {"partitions", partitions},
                       {"cut_links", cut_links},
                       {"pauses", pauses},
                       {"broken_promises", broken_promises},
                       {"lost_writes", lost_writes},
                       {"disk_reads", disk_reads},
                       {"compactions", compactions},
                       {"configurations", configurations},
                       {"joint", joint},
                       {"rollbacks", rollbacks},
                       {"snapshots", snapshots},
                       {"unwanted_snapshots", unwanted_snapshots},
                       {"transfers", transfers},
                       {"transfers_done", transfers_done}});
}

}  // namespace openefs::replication::sim
