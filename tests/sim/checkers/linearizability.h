// Linearizability (Herlihy and Wing 1990), decided as Wing and Gong (1993) and Lowe (2017) do: all
// ways to order the operations that overlap are followed together, as a set of configurations, and
// equal ones are followed once.
#pragma once

#include <cstddef>
#include <string>

#include "tests/sim/checkers/history.h"

namespace openefs::sim {

// Operations under way at one moment: a configuration has one bit for each.
inline constexpr size_t kMaxConcurrent = 64;

// Beyond this many configurations at one moment the checker gives up, loudly. Clients are few and
// wait for their answers, so real histories stay a hundred times below.
inline constexpr size_t kMaxConfigurations = 200'000;

struct LinearizabilityResult {
  bool linearizable = false;
  // Where it is not: the first operation without a place, and what was around it. Or that there was
  // too much to follow.
  std::string why;
  size_t most_configurations = 0;
};

// Of a domain that is empty at first. Compositional: domains are checked by themselves.
LinearizabilityResult CheckLinearizability(const History& history);

}  // namespace openefs::sim
