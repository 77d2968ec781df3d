// callback_sec_parms4 (RFC 8881 18.36): how callbacks would be signed. There are none, so this only
// checks that it is well-formed.
#pragma once

#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

// Reads callback_sec_parms4<>; malformed ones fail the reader.
void SkipCallbackSecurity(xdr::Reader& reader);

}  // namespace openefs::nfs4
