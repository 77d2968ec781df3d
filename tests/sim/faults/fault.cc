#include "tests/sim/faults/fault.h"

namespace openefs::sim {

const std::vector<FaultKind>& AllFaults() {
  static const auto* faults = new std::vector<FaultKind>{
      {"crash", &SimOptions::crashes, StrikeCrash},
      {"leader crash", &SimOptions::leader_crashes, StrikeLeaderCrash},
      {"power loss", &SimOptions::power_losses, StrikePowerLoss},
      {"partition", &SimOptions::partitions, StrikePartition},
      {"one-way cut", &SimOptions::one_way_cuts, StrikeOneWayCut},
      {"pause", &SimOptions::pauses, StrikePause},
      {"clock jump", &SimOptions::clock_jumps, StrikeClockJump},
      {"drift", &SimOptions::drift_percent, StrikeDrift},
      {"front-end crash", &SimOptions::front_end_crashes, StrikeFrontEndCrash},
      {"member change", &SimOptions::member_changes, StrikeMemberChange},
      {"transfer", &SimOptions::transfers, StrikeTransfer},
      {"slow disk", &SimOptions::slow_disks, StrikeSlowDisk},
      {"full disk", &SimOptions::full_disks, StrikeFullDisk},
      {"failed sync", &SimOptions::failed_syncs, StrikeFailedSync},
      {"bit rot", &SimOptions::bit_rots, StrikeBitRot},
  };
  return *faults;
}

}  // namespace openefs::sim
