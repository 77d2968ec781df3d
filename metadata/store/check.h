// Checks that everything in a group's namespace store agrees: what `openefs fsck` and the tests
// run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metadata/store/kv.h"

namespace openefs::metadata {

struct CheckReport {
  uint64_t file_systems = 0;
  uint64_t inodes = 0;
  uint64_t entries = 0;
  uint64_t extents = 0;
  uint64_t blobs = 0;
  uint64_t data_bytes = 0;
  // One line each, naming the file system and inode; the first kMaxProblems of them.
  std::vector<std::string> problems;
  uint64_t problem_count = 0;

  bool Clean() const { return problem_count == 0; }
};

// A store with more wrong than this is not mended line by line.
inline constexpr size_t kMaxProblems = 1'000;

// Both directory indices against each other and against the inodes; link counts, parents, that
// every directory hangs below the root; extents against sizes, cuts and the purge queue; blob
// references, the collect and repair queues; orphans against opens; usage and inode counters.
// Reads the whole store once. Memory: some 200 bytes per inode and 100 per blob.
CheckReport CheckStore(const KvSnapshot& snapshot);

}  // namespace openefs::metadata
