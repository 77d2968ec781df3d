#include "tests/sim/options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/random.h"

namespace openefs::sim {
namespace {

struct Field {
  std::string_view name;
  int64_t SimOptions::*value;
};

#define OPENEFS_SIM_FIELD(name) \
  { #name, &SimOptions::name }
constexpr Field kFields[] = {
    OPENEFS_SIM_FIELD(seed),
    OPENEFS_SIM_FIELD(planted_raft),
    OPENEFS_SIM_FIELD(planted_metadata),
    OPENEFS_SIM_FIELD(nodes),
    OPENEFS_SIM_FIELD(groups),
    OPENEFS_SIM_FIELD(front_ends),
    OPENEFS_SIM_FIELD(clients),
    OPENEFS_SIM_FIELD(slots),
    OPENEFS_SIM_FIELD(domains),
    OPENEFS_SIM_FIELD(names),
    OPENEFS_SIM_FIELD(think_us),
    OPENEFS_SIM_FIELD(reads),
    OPENEFS_SIM_FIELD(safety_ms),
    OPENEFS_SIM_FIELD(client_timeout_ms),
    OPENEFS_SIM_FIELD(attempt_timeout_ms),
    OPENEFS_SIM_FIELD(patience_ms),
    OPENEFS_SIM_FIELD(hasty),
    OPENEFS_SIM_FIELD(delay_us),
    OPENEFS_SIM_FIELD(sync_us),
    OPENEFS_SIM_FIELD(apply_us),
    OPENEFS_SIM_FIELD(flush_bytes),
    OPENEFS_SIM_FIELD(write_behind_rows),
    OPENEFS_SIM_FIELD(segment_bytes),
    OPENEFS_SIM_FIELD(retain_bytes),
    OPENEFS_SIM_FIELD(snapshot_ms),
    OPENEFS_SIM_FIELD(cache_bytes),
    OPENEFS_SIM_FIELD(append_entries),
    OPENEFS_SIM_FIELD(unapplied_to_lead),
    OPENEFS_SIM_FIELD(leases),
    OPENEFS_SIM_FIELD(loss),
    OPENEFS_SIM_FIELD(duplication),
    OPENEFS_SIM_FIELD(straggling),
    OPENEFS_SIM_FIELD(straggle_ms),
    OPENEFS_SIM_FIELD(partitions),
    OPENEFS_SIM_FIELD(one_way_cuts),
    OPENEFS_SIM_FIELD(cut_ms),
    OPENEFS_SIM_FIELD(crashes),
    OPENEFS_SIM_FIELD(leader_crashes),
    OPENEFS_SIM_FIELD(power_losses),
    OPENEFS_SIM_FIELD(down_ms),
    OPENEFS_SIM_FIELD(crashes_in_start),
    OPENEFS_SIM_FIELD(crashes_in_install),
    OPENEFS_SIM_FIELD(pauses),
    OPENEFS_SIM_FIELD(pause_ms),
    OPENEFS_SIM_FIELD(clock_jumps),
    OPENEFS_SIM_FIELD(drift_percent),
    OPENEFS_SIM_FIELD(front_end_crashes),
    OPENEFS_SIM_FIELD(member_changes),
    OPENEFS_SIM_FIELD(transfers),
    OPENEFS_SIM_FIELD(slow_disks),
    OPENEFS_SIM_FIELD(full_disks),
    OPENEFS_SIM_FIELD(failed_syncs),
    OPENEFS_SIM_FIELD(bit_rots),
};
#undef OPENEFS_SIM_FIELD

// Swarm testing (Groce et al. 2012): a run with every fault on drowns the rare ones, so each seed
// has about half of them, with weights of its own.
class Swarm {
 public:
  explicit Swarm(uint64_t seed) : random_(seed) {}

  int64_t Pick(int64_t low, int64_t high) { return random_.Between(low, high); }
  int64_t Sometimes(int64_t low, int64_t high) { return random_.Chance(500) ? Pick(low, high) : 0; }
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }

 private:
  SimRandom random_;
};

// Operations in one domain at the same time, on average: a busy run with 8 takes the
// linearizability checker seconds, one with 12 minutes, or it gives up.
constexpr int64_t kMostAtOnce = 6;

void PickCluster(Swarm& swarm, SimOptions& o) {
  o.nodes = swarm.OneIn(3) ? 5 : 3;
  o.groups = swarm.OneIn(4) ? 2 : 1;
  o.front_ends = swarm.Pick(2, 3);
  o.clients = swarm.Pick(2, 4);
  o.slots = swarm.Pick(1, 3);
  o.domains = swarm.Pick(o.groups, 3);
  o.names = swarm.Pick(1, 4);
  o.slots = std::clamp<int64_t>(kMostAtOnce * o.domains / o.clients, 1, o.slots);
  o.think_us = swarm.OneIn(3) ? swarm.Pick(1'000, 10'000) : swarm.Pick(10'000, 100'000);
  o.reads = swarm.Pick(100, 600);
  o.client_timeout_ms = swarm.Pick(200, 3'000);
  o.attempt_timeout_ms = swarm.Pick(100, 2'000);
  o.patience_ms = swarm.Pick(1'000, 8'000);
  o.hasty = swarm.Sometimes(5, 200);
}

void PickSpeeds(Swarm& swarm, SimOptions& o) {
  o.delay_us = swarm.OneIn(4) ? swarm.Pick(2'000, 20'000) : swarm.Pick(50, 1'000);
  o.sync_us = swarm.OneIn(4) ? swarm.Pick(2'000, 20'000) : swarm.Pick(50, 1'000);
  o.apply_us = swarm.OneIn(4) ? swarm.Pick(1'000, 20'000) : swarm.Pick(10, 500);
  o.flush_bytes = swarm.Pick(2'048, 65'536);
  o.segment_bytes = swarm.Pick(8'192, 65'536);
  o.retain_bytes = swarm.OneIn(2) ? swarm.Pick(2'000, 16'000) : swarm.Pick(16'000, 262'144);
  o.snapshot_ms = swarm.Pick(5, 1'000);
  o.cache_bytes = swarm.Pick(1'024, 32'768);
  o.append_entries = swarm.OneIn(2) ? swarm.Pick(1, 4) : 64;
  if (swarm.OneIn(2)) o.unapplied_to_lead = swarm.Pick(0, 40);
  if (swarm.OneIn(2)) o.write_behind_rows = swarm.OneIn(2) ? swarm.Pick(1, 100) : 4'096;
}

void PickNetwork(Swarm& swarm, SimOptions& o) {
  o.loss = swarm.Sometimes(1, 100);
  o.duplication = swarm.Sometimes(1, 100);
  o.straggling = swarm.Sometimes(1, 50);
  o.straggle_ms = swarm.Pick(50, 3'000);
  o.partitions = swarm.Sometimes(2, 20);
  o.one_way_cuts = swarm.Sometimes(2, 20);
  o.cut_ms = swarm.Pick(300, 4'000);
}

void PickMachines(Swarm& swarm, SimOptions& o) {
  o.crashes = swarm.Sometimes(3, 40);
  o.leader_crashes = swarm.Sometimes(2, 20);
  o.power_losses = swarm.OneIn(4) ? swarm.Pick(2, 8) : 0;
  o.down_ms = swarm.Pick(50, 3'000);
  o.crashes_in_start = swarm.Sometimes(50, 400);
  o.crashes_in_install = swarm.Sometimes(20, 300);
  o.pauses = swarm.Sometimes(3, 20);
  o.pause_ms = swarm.Pick(100, 3'000);
  o.clock_jumps = swarm.Sometimes(2, 20);
  o.drift_percent = swarm.Sometimes(1, 30);
  o.front_end_crashes = swarm.Sometimes(2, 20);
  o.slow_disks = swarm.Sometimes(2, 20);
  o.full_disks = swarm.OneIn(4) ? swarm.Pick(2, 8) : 0;
  o.failed_syncs = swarm.OneIn(4) ? swarm.Pick(2, 8) : 0;
  o.bit_rots = swarm.OneIn(6) ? swarm.Pick(2, 8) : 0;
}

void PickOperators(Swarm& swarm, SimOptions& o) {
  o.member_changes = swarm.Sometimes(5, 60);
  o.transfers = swarm.Sometimes(2, 40);
  if (swarm.OneIn(3)) {
    o.leases = 1;
    o.drift_percent = std::min(o.drift_percent, kLeaseDriftPercent);
  }
}

}  // namespace

SimOptions SimOptions::FromSeed(uint64_t seed) {
  Swarm swarm(Mix(seed) ^ 0x5eed);
  SimOptions options;
  options.seed = static_cast<int64_t>(seed);
  PickCluster(swarm, options);
  PickSpeeds(swarm, options);
  PickNetwork(swarm, options);
  PickMachines(swarm, options);
  PickOperators(swarm, options);
  return options;
}

std::string SimOptions::ToString() const {
  const SimOptions defaults;
  std::string text;
  for (const Field& field : kFields) {
    if (this->*field.value == defaults.*field.value) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ",
                    absl::string_view(field.name.data(), field.name.size()), "=",
                    this->*field.value);
  }
  return text;
}

bool SimOptions::Set(std::string_view name, int64_t value) {
  for (const Field& field : kFields) {
    if (field.name != name) continue;
    this->*field.value = value;
    return true;
  }
  return false;
}

std::vector<std::string_view> SimOptions::Names() {
  std::vector<std::string_view> names;
  for (const Field& field : kFields) names.push_back(field.name);
  return names;
}

}  // namespace openefs::sim
