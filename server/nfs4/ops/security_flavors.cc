#include "server/nfs4/ops/security_flavors.h"

#include "server/rpc/message.h"

namespace openefs::nfs4 {

void EncodeSecurityFlavors(xdr::Writer& reply) {
  reply.U32(2);
  reply.U32(rpc::kAuthSys);  // first: what the client should rather use
  reply.U32(rpc::kAuthNone);
}

}  // namespace openefs::nfs4
