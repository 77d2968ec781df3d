// What /metrics says about NFS operations: how many, how long, which errors, how many bytes.
#pragma once

#include <cstdint>

#include "proto/nfs4.h"

namespace openefs::nfs4 {

// Counts one operation that has a result. Any thread.
void CountOperation(uint32_t opcode, nfsstat4 status, int64_t duration_ns);

}  // namespace openefs::nfs4
