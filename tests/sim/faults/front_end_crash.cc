// A front-end dies with all it was about to do; its place is taken at once by one that knows
// nothing.
#include "tests/sim/cluster.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {

void StrikeFrontEndCrash(Cluster& cluster) {
  const FrontEnds& front_ends = cluster.front_ends();
  front_ends[cluster.env().random.Below(front_ends.size())]->Crash();
}

}  // namespace openefs::sim
