// The base of operations that never wait: everything but READ, WRITE and what looks beyond the
// pseudo root.
#pragma once

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation.h"

namespace openefs::nfs4 {

class SynchronousOperation : public Operation {
 public:
  // In the pseudo root, which the metadata does not know, operations are answered here.
  OperationKind Kind(const CompoundContext& context) const final {
    local_ = UsesPseudoRoot(context);
    return local_ ? OperationKind::kLocal : info().kind;
  }

  boost::asio::awaitable<nfsstat4> Prepare(CompoundContext& context) final;
  boost::asio::awaitable<nfsstat4> Finish(CompoundContext& context,
                                          const pb::OperationResult& result,
                                          xdr::Writer& reply) final;

 protected:
  virtual bool UsesPseudoRoot(const CompoundContext& context) const {
    return context.current_is_pseudo_root;
  }

  // NFS4_OK, or why the arguments cannot be served.
  virtual nfsstat4 Check(CompoundContext&) { return argument_status_; }

  // What Finish writes for a result without error.
  virtual nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                          xdr::Writer& reply) = 0;

  // The whole operation in the pseudo root, a directory that nobody can change. Here:
  // NFS4ERR_ROFS.
  virtual nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply);

  nfsstat4 argument_status_ = NFS4_OK;

 private:
  // What Kind decided. It is asked once, and Finish must not see it otherwise because a file system
  // was made meanwhile.
  mutable bool local_ = false;
};

}  // namespace openefs::nfs4
