#include "server/nfs4/ops/lock_denied.h"

namespace openefs::nfs4 {

void EncodeLockDenied(const pb::LockConflict& conflict, xdr::Writer& reply) {
  reply.U64(conflict.range().offset());
  reply.U64(conflict.range().length());
  reply.U32(conflict.exclusive() ? WRITE_LT : READ_LT);
  reply.U64(conflict.owner().client_id());
  reply.Opaque(conflict.owner().owner());
}

}  // namespace openefs::nfs4
