// DESTROY_SESSION (RFC 8881 18.37).
#include <string>

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"
#include "server/nfs4/session_table.h"

namespace openefs::nfs4 {
namespace {

class DestroySession final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_DESTROY_SESSION, "DESTROY_SESSION",
                                          OperationKind::kMetadataAlone, true, 0};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<DestroySession>();
    operation->session_id_ = reader.FixedOpaque(NFS4_SESSIONID_SIZE);
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    planned->mutable_destroy_session()->set_session_id(session_id_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  // RFC 8881 18.37.3: a COMPOUND that destroys its own session does it last.
  nfsstat4 Check(CompoundContext& context) override {
    const bool own = context.session != nullptr && context.session->id == session_id_;
    return own && !context.is_last ? NFS4ERR_NOT_ONLY_OP : NFS4_OK;
  }

  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult&, xdr::Writer&) override {
    context.services->sessions().Erase(session_id_);
    return NFS4_OK;
  }

 private:
  std::string session_id_;
};

}  // namespace

OPENEFS_NFS_OPERATION(DestroySession);

}  // namespace openefs::nfs4
