// TEST_STATEID (RFC 8881 18.48): which of these are still good?
#include <limits>

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/wire_status.h"

namespace openefs::nfs4 {
namespace {

// In one operation. Linux asks about one at a time.
constexpr uint32_t kMaxTestedStateids = 1024;

class TestStateid final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_TEST_STATEID, "TEST_STATEID", OperationKind::kMetadata,
                                          false, 4};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<TestStateid>();
    const uint32_t count = reader.ArrayLength(std::numeric_limits<uint32_t>::max(), kStateidBytes);
    if (count > kMaxTestedStateids) {
      operation->argument_status_ = NFS4ERR_REQ_TOO_BIG;
      for (uint32_t i = 0; i < count; ++i) reader.FixedOpaque(kStateidBytes);
      return operation;
    }
    for (uint32_t i = 0; i < count; ++i) {
      DecodeStateid(reader, operation->arguments_.add_stateids());
    }
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  uint32_t ReplyBytes() const override {
    return kInfo.max_reply_bytes + 4 * static_cast<uint32_t>(arguments_.stateids_size());
  }

  void Plan(CompoundContext& context, pb::Operation* planned) override {
    count_ = arguments_.stateids_size();
    arguments_.set_client_id(context.client_id);
    planned->mutable_test_stateid()->Swap(&arguments_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext&, const pb::OperationResult& result,
                  xdr::Writer& reply) override {
    const auto& errors = result.test_stateid().errors();
    if (errors.size() != count_) return NFS4ERR_SERVERFAULT;
    reply.U32(static_cast<uint32_t>(errors.size()));
    for (const int error : errors) reply.U32(ToWireStatus(static_cast<pb::FsError>(error)));
    return NFS4_OK;
  }

 private:
  pb::TestStateid arguments_;
  int count_ = 0;
};

}  // namespace

OPENEFS_NFS_OPERATION(TestStateid);

}  // namespace openefs::nfs4
