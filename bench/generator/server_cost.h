// What a server on this machine uses while it is loaded: processor time and disk, as the kernel
// counts them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace openefs::bench {

struct ServerWatch {
  std::vector<int> pids;                 // its processes, or
  std::string cgroup;                    // its control group (a directory of cgroup v2)
  std::vector<std::string> directories;  // where it keeps its data
};

// User and system time so far; 0 if nothing is watched. NOT_FOUND if a process or the group is not
// there. (What /proc says of bytes written is no measure: it counts whole folios as often as they
// become dirty.)
absl::StatusOr<int64_t> ServerCpuNs(const ServerWatch& watch);

// Blocks that the directories' files occupy, files with several links counted once.
absl::StatusOr<uint64_t> BytesOnDisk(const std::vector<std::string>& directories);

}  // namespace openefs::bench
