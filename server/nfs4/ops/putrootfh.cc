// PUTROOTFH (RFC 8881 18.21).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/put_root.h"

namespace openefs::nfs4 {
namespace {

class PutRootFh final : public PutRoot {
 public:
  static constexpr OperationInfo kInfo = {OP_PUTROOTFH, "PUTROOTFH", OperationKind::kMetadata,
                                          false, 0};
  static std::unique_ptr<Operation> Decode(xdr::Reader&) { return std::make_unique<PutRootFh>(); }

  const OperationInfo& info() const override { return kInfo; }
};

}  // namespace

OPENEFS_NFS_OPERATION(PutRootFh);

}  // namespace openefs::nfs4
