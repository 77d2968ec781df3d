// LOCK4denied: who holds what a LOCK or LOCKT wanted (RFC 8881 18.10.2).
#pragma once

#include "proto/metadata.pb.h"
#include "server/nfs4/ops/arguments.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

// Longer than the stateid of a granted LOCK.
inline constexpr uint32_t kLockDeniedBytes = 8 + 8 + 4 + 8 + 4 + NFS4_OPAQUE_LIMIT;

void EncodeLockDenied(const pb::LockConflict& conflict, xdr::Writer& reply);

}  // namespace openefs::nfs4
