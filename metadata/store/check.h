// Checks that everything in a group's store agrees: what `openefs fsck` and the tests run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "metadata/store/kv.h"

namespace openefs::metadata {

struct CheckReport {
  uint64_t applied_index = 0;
  uint64_t rows = 0;
  uint64_t file_systems = 0;
  uint64_t inodes = 0;
  uint64_t entries = 0;
  uint64_t extents = 0;
  uint64_t blobs = 0;
  uint64_t data_bytes = 0;
  uint64_t clients = 0;
  uint64_t sessions = 0;
  uint64_t states = 0;
  uint64_t lock_ranges = 0;
  // One line each, naming what it is about; the first kMaxProblems of them.
  std::vector<std::string> problems;
  uint64_t problem_count = 0;
  bool complete = false;  // false: CheckOptions::pace ended it early

  bool Clean() const { return complete && problem_count == 0; }
};

// A store with more wrong than this is not mended line by line.
inline constexpr size_t kMaxProblems = 1'000;

// Rows between two calls of CheckOptions::pace.
inline constexpr uint64_t kRowsPerPace = 1'024;

struct CheckOptions {
  // Called every kRowsPerPace rows with the number of rows read so far; may sleep. False: give up.
  std::function<bool(uint64_t rows)> pace;
};

// Whether keys have a form that exists and values parse; both directory indices against each other
// and against the inodes; link counts, parents, that every directory hangs below the root; extents
// against sizes, cuts and the purge queue; blob references, the collect and repair queues; orphans
// against opens; usage and inode counters; clients, sessions, slots, opens, locks, their indices
// and counts; placement groups against nodes. Nothing in the store can make it stop the process,
// but an engine that cannot read does.
//
// It reads every row some three times, in key order but for directories, states and sessions, which
// are looked up. Memory: 24 bytes for each inode of the largest file system, 16 more for each
// directory, 32 for each blob, 32 for each lock state: 600 MB for ten million files of one blob.
CheckReport CheckStore(const KvSnapshot& snapshot, const CheckOptions& options = {});

}  // namespace openefs::metadata
