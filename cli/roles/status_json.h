// What `openefs cluster status --json` prints.
#pragma once

#include <string>

#include "cli/roles/repair_backlog.h"
#include "cli/roles/replica_admin.h"
#include "proto/metadata.pb.h"

namespace openefs::cli {

// One line. `state` and `backlog` are null where no majority of metadata nodes answers; only what
// the nodes say of themselves is told then. The keys are in docs/operations.md.
std::string StatusAsJson(const ReplicaAdmin& admin, const pb::ClusterState* state,
                         const RepairBacklog* backlog);

}  // namespace openefs::cli
