// What every part of a simulated cluster works with. One for each run.
#pragma once

#include "tests/sim/checkers/checkers.h"
#include "tests/sim/counts.h"
#include "tests/sim/kernel/random.h"
#include "tests/sim/kernel/scheduler.h"
#include "tests/sim/kernel/violation.h"
#include "tests/sim/net/network.h"
#include "tests/sim/options.h"

namespace openefs::sim {

struct Environment {
  explicit Environment(const SimOptions& o)
      : options(o),
        random(static_cast<uint64_t>(o.seed)),
        checkers(&counts),
        network(&scheduler, &random, options, &counts) {}
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  const SimOptions options;
  Counts counts;
  Scheduler scheduler;
  SimRandom random;
  Checkers checkers;
  Network network;
  bool faulty = false;  // the safety phase is on
};

}  // namespace openefs::sim
