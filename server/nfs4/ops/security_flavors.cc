#include "server/nfs4/ops/security_flavors.h"

#include "server/rpc/message.h"

namespace openefs::nfs4 {

nfsstat4 AnswerSecurityFlavors(CompoundContext& context, xdr::Writer& reply) {
  context.registers.clear_current();
  context.registers.clear_current_stateid();
  context.current_is_pseudo_root = false;
  reply.U32(2);
  reply.U32(rpc::kAuthSys);  // first: what the client should rather use
  reply.U32(rpc::kAuthNone);
  return NFS4_OK;
}

}  // namespace openefs::nfs4
