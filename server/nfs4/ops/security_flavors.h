// What SECINFO and SECINFO_NO_NAME answer: every flavor the RPC layer takes.
#pragma once

#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

inline constexpr uint32_t kSecurityFlavorsBytes = 3 * 4;

// SECINFO4resok.
void EncodeSecurityFlavors(xdr::Writer& reply);

}  // namespace openefs::nfs4
