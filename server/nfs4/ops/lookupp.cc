// LOOKUPP (RFC 8881 18.14). From a file system's root it leads to the pseudo root, if there is one.
#include "server/nfs4/operation_table.h"
#include "server/nfs4/pseudo_root.h"
#include "server/nfs4/wire_status.h"

namespace openefs::nfs4 {
namespace {

using boost::asio::awaitable;

class LookupP final : public Operation {
 public:
  static constexpr OperationInfo kInfo = {OP_LOOKUPP, "LOOKUPP", OperationKind::kMetadata, false,
                                          0};
  static std::unique_ptr<Operation> Decode(xdr::Reader&) { return std::make_unique<LookupP>(); }

  const OperationInfo& info() const override { return kInfo; }
  OperationKind Kind(const CompoundContext& context) const override;
  void Plan(CompoundContext& context, pb::Operation* operation) override;
  awaitable<nfsstat4> Finish(CompoundContext& context, const pb::OperationResult& result,
                             xdr::Writer& reply) override;

 private:
  awaitable<nfsstat4> GoUp(CompoundContext& context);

  mutable bool local_ = false;  // Kind's last answer
};

// Where there is a pseudo root the way up depends on where one stands, and that is known only when
// everything before has run.
OperationKind LookupP::Kind(const CompoundContext& context) const {
  local_ = context.current_is_pseudo_root || HasPseudoRoot(*context.services);
  return local_ ? OperationKind::kLocal : kInfo.kind;
}

void LookupP::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_lookup_parent();
}

awaitable<nfsstat4> LookupP::Finish(CompoundContext& context, const pb::OperationResult&,
                                    xdr::Writer&) {
  if (!local_) co_return NFS4_OK;
  if (context.current_is_pseudo_root) co_return NFS4ERR_NOENT;
  if (!context.registers.has_current()) co_return NFS4ERR_NOFILEHANDLE;
  co_return co_await GoUp(context);
}

awaitable<nfsstat4> LookupP::GoUp(CompoundContext& context) {
  if (context.registers.current().inode() == kRootInode) {
    EnterPseudoRoot(context);
    co_return NFS4_OK;
  }
  std::vector<pb::Operation> operations(1);
  operations[0].mutable_lookup_parent();
  const auto response =
      co_await RunReadingSegment(context, context.registers, std::move(operations));
  if (response == nullptr || response->results_size() != 1) co_return NFS4ERR_DELAY;
  const nfsstat4 status = ToWireStatus(response->results(0).error(), OP_LOOKUPP);
  if (status == NFS4_OK) context.registers.Swap(response->mutable_registers());
  co_return status;
}

}  // namespace

OPENEFS_NFS_OPERATION(LookupP);

}  // namespace openefs::nfs4
