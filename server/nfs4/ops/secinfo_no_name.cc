// SECINFO_NO_NAME (RFC 8881 18.45): how may the current file, or its parent, be accessed?
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/security_flavors.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class SecinfoNoName final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_SECINFO_NO_NAME, "SECINFO_NO_NAME",
                                          OperationKind::kMetadataEndRun, false,
                                          kSecurityFlavorsBytes};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<SecinfoNoName>();
    operation->style_ = reader.U32();
    if (operation->style_ > SECINFO_STYLE4_PARENT) reader.Fail();
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  // Either fails where there is no current file handle, or no parent.
  void Plan(CompoundContext&, pb::Operation* planned) override {
    if (style_ == SECINFO_STYLE4_PARENT) {
      planned->mutable_lookup_parent();
    } else {
      planned->mutable_get_file();
    }
  }

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult&,
                  xdr::Writer& reply) override {
    return AnswerSecurityFlavors(context, reply);
  }

  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override {
    if (style_ == SECINFO_STYLE4_PARENT) return NFS4ERR_NOENT;
    return Encode(context, pb::OperationResult(), reply);
  }

 private:
  uint32_t style_ = SECINFO_STYLE4_CURRENT_FH;
};

}  // namespace

OPENEFS_NFS_OPERATION(SecinfoNoName);

}  // namespace openefs::nfs4
