// SECINFO (RFC 8881 18.29): how may the file of that name be accessed?
#include <algorithm>

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/security_flavors.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

class Secinfo final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_SECINFO, "SECINFO", OperationKind::kMetadataEndRun,
                                          false, kSecurityFlavorsBytes};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<Secinfo>();
    Name name = DecodeName(reader);
    operation->argument_status_ = name.status;
    operation->name_ = std::move(name.bytes);
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    planned->mutable_lookup()->set_name(name_);
  }

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult&,
                  xdr::Writer& reply) override {
    return AnswerSecurityFlavors(context, reply);
  }

  nfsstat4 RunOnPseudoRoot(CompoundContext& context, xdr::Writer& reply) override {
    const auto cluster = context.services->cluster();
    const bool exists =
        std::any_of(cluster->file_systems().begin(), cluster->file_systems().end(),
                    [this](const pb::FileSystem& candidate) { return candidate.name() == name_; });
    return exists ? Encode(context, pb::OperationResult(), reply) : NFS4ERR_NOENT;
  }

 private:
  std::string name_;
};

}  // namespace

OPENEFS_NFS_OPERATION(Secinfo);

}  // namespace openefs::nfs4
