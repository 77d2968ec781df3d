// NVERIFY: goes on if the attributes differ (RFC 8881 18.15).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/compare_attributes.h"

namespace openefs::nfs4 {
namespace {

class NVerify final : public CompareAttributes {
 public:
  static constexpr OperationInfo kInfo = {OP_NVERIFY, "NVERIFY", OperationKind::kMetadataEndRun,
                                          false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<NVerify>();
    DecodeInto(reader, operation.get());
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

 protected:
  nfsstat4 Judge(bool same) const override { return same ? NFS4ERR_SAME : NFS4_OK; }
};

}  // namespace

OPENEFS_NFS_OPERATION(NVerify);

}  // namespace openefs::nfs4
