// What every part of a simulated cluster works with. One for each run.
#pragma once

#include <map>

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
        network(&scheduler, &random, options, &counts) {
    for (int64_t i = 0; i < o.groups; ++i) {
      const GroupId group = kFirstNamespaceGroup + static_cast<GroupId>(i);
      checkers.try_emplace(group, group, options, &counts);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  const SimOptions options;
  Counts counts;
  Scheduler scheduler;
  SimRandom random;
  std::map<GroupId, Checkers> checkers;  // of every group
  Network network;
  bool faulty = false;  // the safety phase is on

  // One of them by chance.
  GroupId AnyGroup() {
    return kFirstNamespaceGroup + static_cast<GroupId>(random.Below(checkers.size()));
  }
};

}  // namespace openefs::sim
