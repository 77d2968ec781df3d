// What VERIFY and NVERIFY have in common: the attributes given against those of the current file,
// byte for byte (RFC 8881 18.31, 18.15).
#pragma once

#include <string>

#include "server/nfs4/attributes.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {

class CompareAttributes : public SynchronousOperation {
 public:
  void Plan(CompoundContext& context, pb::Operation* operation) final;

 protected:
  static void DecodeInto(xdr::Reader& reader, CompareAttributes* operation);

  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) final;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) final;

  // What the operation answers.
  virtual nfsstat4 Judge(bool same) const = 0;

 private:
  nfsstat4 Compare(CompoundContext& context, const pb::Attributes& attributes) const;

  AttributeMask mask_;
  std::string values_;
};

}  // namespace openefs::nfs4
