// Log matching (Raft paper, figure 3): logs that have an entry of the same index and term in common
// are the same up to there.
#pragma once

#include <vector>

#include "replication/raft/raft.h"

namespace openefs::sim {

void CheckLogMatching(const std::vector<const replication::raft::Raft*>& cores);

}  // namespace openefs::sim
