// BIND_CONN_TO_SESSION (RFC 8881 18.34). Connections bind themselves by SEQUENCE, as SP4_NONE
// allows, so this only says whether the session exists.
#include <string>

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"
#include "server/nfs4/session_table.h"

namespace openefs::nfs4 {
namespace {

class BindConnToSession final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_BIND_CONN_TO_SESSION, "BIND_CONN_TO_SESSION",
                                          OperationKind::kMetadataAlone, false,
                                          NFS4_SESSIONID_SIZE + 2 * 4};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<BindConnToSession>();
    operation->session_id_ = reader.FixedOpaque(NFS4_SESSIONID_SIZE);
    operation->direction_ = reader.U32();
    reader.Bool();  // bctsa_use_conn_in_rdma_mode
    if (operation->GrantedDirection() == 0) reader.Fail();
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    planned->mutable_get_session()->set_session_id(session_id_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Check(CompoundContext& context) override {
    return context.session == nullptr ? NFS4_OK : NFS4ERR_NOT_ONLY_OP;  // RFC 8881 18.34.3
  }

  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override {
    const pb::SessionInfo& session = result.session();
    context.services->sessions().Insert(session_id_, session.client_id(), session.fore_channel(),
                                        false);
    reply.FixedOpaque(session_id_);
    reply.U32(GrantedDirection());
    reply.Bool(false);
    return NFS4_OK;
  }

 private:
  // channel_dir_from_server4 for the client's wish; 0 for a value that is none. A back channel is
  // granted only to who insists: it stays silent.
  uint32_t GrantedDirection() const {
    switch (direction_) {
      case CDFC4_FORE:
      case CDFC4_FORE_OR_BOTH:
        return CDFS4_FORE;
      case CDFC4_BACK:
        return CDFS4_BACK;
      case CDFC4_BACK_OR_BOTH:
        return CDFS4_BOTH;
      default:
        return 0;
    }
  }

  std::string session_id_;
  uint32_t direction_ = 0;
};

}  // namespace

OPENEFS_NFS_OPERATION(BindConnToSession);

}  // namespace openefs::nfs4
