// What SECINFO and SECINFO_NO_NAME answer: every flavor the RPC layer takes.
#pragma once

#include "server/nfs4/compound_context.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

inline constexpr uint32_t kSecurityFlavorsBytes = 3 * 4;

// Writes SECINFO4resok and, as both operations must, uses up the current file handle (RFC 8881
// 2.6.3.1.1.8).
nfsstat4 AnswerSecurityFlavors(CompoundContext& context, xdr::Writer& reply);

}  // namespace openefs::nfs4
