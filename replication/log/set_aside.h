// Log files that are damaged: kept beside the log that took their place, for people.
//
//   damaged-<n>  the segments of a log that was found damaged, the highest n last
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace openefs::replication {

// Each may be as large as a log (1 GiB and more): the last ones tell enough.
inline constexpr size_t kMaxSetAside = 3;

// Numbers of the segments in the directory of a log, ascending. INTERNAL: it cannot be read.
absl::StatusOr<std::vector<uint64_t>> SegmentsIn(const std::string& directory);

// Moves all segments into a new `damaged-<n>`, durably. A crash in the middle leaves some of them.
absl::Status SetSegmentsAside(const std::string& directory);

// Removes all but the last kMaxSetAside. Only once others are known to have what was in them.
absl::Status PruneSetAside(const std::string& directory);

}  // namespace openefs::replication
