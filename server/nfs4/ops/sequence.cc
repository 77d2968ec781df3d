#include "server/nfs4/ops/sequence.h"

#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

class Sequence final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_SEQUENCE, "SEQUENCE", OperationKind::kLocal, false,
                                          NFS4_SESSIONID_SIZE + 5 * 4};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<Sequence>();
    SequenceArguments& arguments = operation->arguments;
    arguments.session_id = reader.FixedOpaque(NFS4_SESSIONID_SIZE);
    arguments.sequence_id = reader.U32();
    arguments.slot = reader.U32();
    arguments.highest_slot = reader.U32();
    arguments.cache_this = reader.Bool();
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  SequenceArguments arguments;

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  // The driver never runs the first operation this way, so it stands somewhere else.
  nfsstat4 Check(CompoundContext&) override { return NFS4ERR_SEQUENCE_POS; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult&, xdr::Writer&) override {
    return NFS4ERR_SEQUENCE_POS;
  }
};

}  // namespace

const SequenceArguments& SequenceArgumentsOf(const Operation& operation) {
  return static_cast<const Sequence&>(operation).arguments;
}

void EncodeSequenceResult(const SequenceArguments& arguments, const Session& session,
                          xdr::Writer& reply) {
  reply.U32(OP_SEQUENCE);
  reply.U32(NFS4_OK);
  reply.FixedOpaque(arguments.session_id);
  reply.U32(arguments.sequence_id);
  reply.U32(arguments.slot);
  reply.U32(session.slots - 1);  // sr_highest_slotid
  reply.U32(session.slots - 1);  // sr_target_highest_slotid
  reply.U32(0);                  // sr_status_flags: no callbacks, nothing revoked
}

OPENEFS_NFS_OPERATION(Sequence);

}  // namespace openefs::nfs4
