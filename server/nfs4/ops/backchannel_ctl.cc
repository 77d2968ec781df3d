// BACKCHANNEL_CTL (RFC 8881 18.33): other parameters for callbacks. They take effect with the next
// callback, and this server makes none: it gives no delegations and no layouts.
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/callback_security.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class BackchannelCtl final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_BACKCHANNEL_CTL, "BACKCHANNEL_CTL",
                                          OperationKind::kLocal, false, 0};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<BackchannelCtl>();
    reader.U32();  // bca_cb_program
    SkipCallbackSecurity(reader);
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }
};

}  // namespace

OPENEFS_NFS_OPERATION(BackchannelCtl);

}  // namespace openefs::nfs4
