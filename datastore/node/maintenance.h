// The background threads of a data node: one compacts when there is something to gain, one
// scrubs now and then.
#pragma once

#include <functional>
#include <thread>

#include "datastore/node/compactor.h"
#include "datastore/node/rate_limit.h"
#include "datastore/node/scrubber.h"

namespace openefs::datastore {

class Maintenance {
 public:
  // `show` is called about every second.
  Maintenance(Compactor* compactor, Scrubber* scrubber, std::function<void()> show);
  ~Maintenance();

 private:
  void Compact();
  void Scrub();

  Compactor* const compactor_;
  Scrubber* const scrubber_;
  const std::function<void()> show_;
  RateLimit compaction_pace_;
  RateLimit scrub_pace_;
  std::thread compaction_;
  std::thread scrubbing_;
};

}  // namespace openefs::datastore
