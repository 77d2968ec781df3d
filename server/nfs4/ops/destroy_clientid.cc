// DESTROY_CLIENTID (RFC 8881 18.50): a client without sessions and state says good-bye.
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class DestroyClientId final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_DESTROY_CLIENTID, "DESTROY_CLIENTID",
                                          OperationKind::kMetadataAlone, true, 0};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<DestroyClientId>();
    operation->client_id_ = reader.U64();
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    planned->mutable_destroy_client_id()->set_client_id(client_id_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4_OK;
  }

 private:
  uint64_t client_id_ = 0;
};

}  // namespace

OPENEFS_NFS_OPERATION(DestroyClientId);

}  // namespace openefs::nfs4
