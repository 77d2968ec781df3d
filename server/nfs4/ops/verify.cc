// VERIFY: goes on if the attributes are the same (RFC 8881 18.31).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/compare_attributes.h"

namespace openefs::nfs4 {
namespace {

class Verify final : public CompareAttributes {
 public:
  static constexpr OperationInfo kInfo = {OP_VERIFY, "VERIFY", OperationKind::kMetadataEndRun,
                                          false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<Verify>();
    DecodeInto(reader, operation.get());
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

 protected:
  nfsstat4 Judge(bool same) const override { return same ? NFS4_OK : NFS4ERR_NOT_SAME; }
};

}  // namespace

OPENEFS_NFS_OPERATION(Verify);

}  // namespace openefs::nfs4
