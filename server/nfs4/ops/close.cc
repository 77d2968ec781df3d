// CLOSE: ends an open (RFC 8881 18.2).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Close final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_CLOSE, "CLOSE", OperationKind::kMetadata, true,
                                          kStateidBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;
  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override;

 private:
  pb::Stateid stateid_;
};

std::unique_ptr<Operation> Close::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Close>();
  reader.U32();  // seqid: not used in 4.1
  DecodeStateid(reader, &operation->stateid_);
  return operation;
}

void Close::Plan(CompoundContext&, pb::Operation* operation) {
  *operation->mutable_close()->mutable_stateid() = stateid_;
}

nfsstat4 Close::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeStateid(result.stateid(), reply);
  return NFS4_OK;
}

nfsstat4 Close::RunOnPseudoRoot(CompoundContext&, xdr::Writer&) { return NFS4ERR_BAD_STATEID; }

}  // namespace

OPENEFS_NFS_OPERATION(Close);

}  // namespace openefs::nfs4
