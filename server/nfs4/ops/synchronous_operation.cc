#include "server/nfs4/ops/synchronous_operation.h"

#include <boost/asio/any_io_executor.hpp>

namespace openefs::nfs4 {

boost::asio::awaitable<nfsstat4> SynchronousOperation::Prepare(CompoundContext& context) {
  co_return Check(context);
}

boost::asio::awaitable<nfsstat4> SynchronousOperation::Finish(CompoundContext& context,
                                                              const pb::OperationResult& result,
                                                              xdr::Writer& reply) {
  co_return local_ ? RunOnPseudoRoot(context, reply) : Encode(context, result, reply);
}

nfsstat4 SynchronousOperation::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) {
  return NFS4ERR_ROFS;
}

}  // namespace openefs::nfs4
