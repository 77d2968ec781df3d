// Leader completeness (Raft paper, figure 3): what is committed is in the logs of all later
// leaders.
#pragma once

#include "replication/raft/raft.h"
#include "tests/sim/checkers/committed_log.h"

namespace openefs::sim {

// Of a core that has begun to lead.
void CheckLeaderCompleteness(const replication::raft::Raft& leader, const CommittedLog& committed);

}  // namespace openefs::sim
