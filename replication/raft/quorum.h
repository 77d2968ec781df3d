// Majorities over the voters of a group.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace openefs::replication::raft {

constexpr size_t QuorumOf(size_t voters) { return voters / 2 + 1; }

// The largest value that a majority of `values` (one per voter) reaches.
inline uint64_t QuorumValue(std::vector<uint64_t> values) {
  const size_t quorum = QuorumOf(values.size());
  std::nth_element(values.begin(), values.begin() + (quorum - 1), values.end(),
                   std::greater<uint64_t>());
  return values[quorum - 1];
}

}  // namespace openefs::replication::raft
