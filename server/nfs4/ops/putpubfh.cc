// PUTPUBFH: as PUTROOTFH (RFC 8881 18.20).
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/put_root.h"

namespace openefs::nfs4 {
namespace {

class PutPubFh final : public PutRoot {
 public:
  static constexpr OperationInfo kInfo = {OP_PUTPUBFH, "PUTPUBFH", OperationKind::kMetadata, false,
                                          0};
  static std::unique_ptr<Operation> Decode(xdr::Reader&) { return std::make_unique<PutPubFh>(); }

  const OperationInfo& info() const override { return kInfo; }
};

}  // namespace

OPENEFS_NFS_OPERATION(PutPubFh);

}  // namespace openefs::nfs4
