// What PUTROOTFH and PUTPUBFH have in common: the public file handle is the root (RFC 8881 4.1.2).
#pragma once

#include "common/ids.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {

class PutRoot : public SynchronousOperation {
 public:
  void Plan(CompoundContext& context, pb::Operation* operation) final;

 protected:
  bool UsesPseudoRoot(const CompoundContext& context) const final;
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) final;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) final;

 private:
  // Of UsesPseudoRoot's last answer: Plan must not see it otherwise.
  mutable FileSystemId only_file_system_ = 0;
};

}  // namespace openefs::nfs4
