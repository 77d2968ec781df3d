// What can go wrong beside the network's own unreliability. Each kind has a file, a rate among the
// options, and strikes by chance while the safety phase lasts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "tests/sim/options.h"

namespace openefs::sim {

class Cluster;

struct FaultKind {
  std::string_view name;
  int64_t SimOptions::*per_minute;
  void (*strike)(Cluster& cluster);
};

const std::vector<FaultKind>& AllFaults();

void StrikeCrash(Cluster& cluster);  // crash.cc
void StrikeLeaderCrash(Cluster& cluster);
void StrikePowerLoss(Cluster& cluster);
void StrikePartition(Cluster& cluster);  // partition.cc
void StrikeOneWayCut(Cluster& cluster);
void DeafenForAWhile(Cluster& cluster, NodeId node);  // part of other faults
void StrikePause(Cluster& cluster);                   // pause.cc
void StrikeClockJump(Cluster& cluster);               // clock.cc
void StrikeDrift(Cluster& cluster);
void StrikeFrontEndCrash(Cluster& cluster);  // front_end_crash.cc
void StrikeMemberChange(Cluster& cluster);   // membership.cc
void StrikeTransfer(Cluster& cluster);       // transfer.cc
void StrikeSlowDisk(Cluster& cluster);       // disk.cc
void StrikeFullDisk(Cluster& cluster);
void StrikeFailedSync(Cluster& cluster);
void StrikeBitRot(Cluster& cluster);

}  // namespace openefs::sim
