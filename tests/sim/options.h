// What one seed runs. Every value is a number with a name, so that a failing run is printed and
// repeated exactly: openefs-sim --seeds 1 --from SEED [--set name=value ...].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace openefs::sim {

// What replicas with leases assume of clocks, in percent either way.
inline constexpr int64_t kLeaseDriftPercent = 5;

// Rates are per minute of virtual time, chances in thousandths; 0 turns a fault off.
struct SimOptions {
  int64_t seed = 0;
  int64_t planted_raft = 0;      // raft::PlantedBug
  int64_t planted_metadata = 0;  // metadata::PlantedBug

  // The cluster and its work.
  int64_t nodes = 3;   // the first members
  int64_t groups = 1;  // each node has a replica of all of them
  int64_t front_ends = 2;
  int64_t clients = 3;
  int64_t slots = 2;    // per client: what it does at the same time
  int64_t domains = 2;  // pairs of directories
  int64_t names = 3;    // in each directory
  int64_t think_us = 20'000;
  int64_t reads = 300;  // chance that an operation only reads
  int64_t safety_ms = 10'000;
  int64_t client_timeout_ms = 1'000;  // then the client sends again, elsewhere
  int64_t attempt_timeout_ms = 500;   // then the front-end asks the next node
  int64_t patience_ms = 3'000;        // then the front-end answers that it could not
  int64_t hasty = 10;                 // chance that a client sends a second copy at once

  // How fast things are.
  int64_t delay_us = 300;  // of a message, on average
  int64_t sync_us = 400;   // of a write of the log, on average
  int64_t apply_us = 50;   // of a batch, on average
  int64_t flush_bytes = 16'384;
  int64_t write_behind_rows = 0;  // that wait in memory; 0: every batch goes to the store at once
  int64_t segment_bytes = 32'768;
  int64_t retain_bytes = 65'536;      // of log for followers that are behind; then a snapshot
  int64_t snapshot_ms = 50;           // to send one, on average
  int64_t cache_bytes = 8'192;        // of log entries in memory
  int64_t append_entries = 64;        // in one message
  int64_t unapplied_to_lead = 2'048;  // who has more to apply stands for no election
  int64_t leases = 0;                 // 1: reads by lease; clocks then keep to what leases assume

  // The network.
  int64_t loss = 0;
  int64_t duplication = 0;
  int64_t straggling = 0;  // chance that a message takes up to straggle_ms
  int64_t straggle_ms = 500;
  int64_t partitions = 0;
  int64_t one_way_cuts = 0;
  int64_t cut_ms = 2'000;  // how long a cut lasts, on average

  // Processes and clocks.
  int64_t crashes = 0;
  int64_t leader_crashes = 0;
  int64_t power_losses = 0;        // all nodes at once
  int64_t down_ms = 800;           // how long a node is down, on average
  int64_t crashes_in_start = 0;    // chance that power is lost again while a log is opened
  int64_t crashes_in_install = 0;  // chance that power is lost at a step of a snapshot
  int64_t pauses = 0;
  int64_t pause_ms = 1'500;
  int64_t clock_jumps = 0;    // of the wall clock, to both sides
  int64_t drift_percent = 0;  // clocks run up to this much too fast or slow
  int64_t front_end_crashes = 0;

  // What operators do, and leaders that have to go.
  int64_t member_changes = 0;  // replicas added, removed and replaced
  int64_t transfers = 0;       // of leadership

  // Disks.
  int64_t slow_disks = 0;
  int64_t full_disks = 0;
  int64_t failed_syncs = 0;
  int64_t bit_rots = 0;

  static SimOptions FromSeed(uint64_t seed);

  // All values that differ from the defaults: name=value, one after the other.
  std::string ToString() const;
  // False: there is no such option.
  bool Set(std::string_view name, int64_t value);
  static std::vector<std::string_view> Names();
};

}  // namespace openefs::sim
