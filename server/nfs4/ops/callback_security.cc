#include "server/nfs4/ops/callback_security.h"

#include "common/limits.h"
#include "proto/nfs4.h"
#include "server/rpc/message.h"

namespace openefs::nfs4 {
namespace {

// One per flavor and service is all a client can mean.
constexpr uint32_t kMaxCallbackSecurity = 16;

void SkipAuthSys(xdr::Reader& reader) {
  reader.U32();  // stamp
  reader.Opaque(rpc::kMaxMachineNameBytes);
  reader.U32();  // uid
  reader.U32();  // gid
  const uint32_t gids = reader.ArrayLength(kMaxGroups, 4);
  for (uint32_t i = 0; i < gids; ++i) reader.U32();
}

void SkipGss(xdr::Reader& reader) {
  reader.U32();  // gcbp_service
  reader.Opaque(NFS4_OPAQUE_LIMIT);
  reader.Opaque(NFS4_OPAQUE_LIMIT);
}

}  // namespace

void SkipCallbackSecurity(xdr::Reader& reader) {
  const uint32_t count = reader.ArrayLength(kMaxCallbackSecurity, 4);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    switch (reader.U32()) {
      case rpc::kAuthNone:
        break;
      case rpc::kAuthSys:
        SkipAuthSys(reader);
        break;
      case rpc::kRpcsecGss:
        SkipGss(reader);
        break;
      default:
        reader.Fail();
    }
  }
}

}  // namespace openefs::nfs4
