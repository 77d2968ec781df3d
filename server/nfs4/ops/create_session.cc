// CREATE_SESSION (RFC 8881 18.36).
#include <algorithm>

#include "common/limits.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/callback_security.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"
#include "server/nfs4/session_table.h"
#include "server/rpc/message.h"

namespace openefs::nfs4 {
namespace {

// Below this not even SEQUENCE and one small operation fit.
constexpr uint32_t kMinMessageBytes = 256;

// A reply that must be kept is that of a mutation, and those are small.
constexpr uint32_t kMaxCachedReplyBytes = 64 << 10;

constexpr uint32_t kSessionFlags = CREATE_SESSION4_FLAG_PERSIST |
                                   CREATE_SESSION4_FLAG_CONN_BACK_CHAN |
                                   CREATE_SESSION4_FLAG_CONN_RDMA;

struct DecodedChannel {
  uint32_t header_pad_bytes = 0;
  pb::ChannelAttributes attributes;
};

DecodedChannel DecodeChannel(xdr::Reader& reader) {
  DecodedChannel channel;
  channel.header_pad_bytes = reader.U32();
  channel.attributes.set_max_request_bytes(reader.U32());
  channel.attributes.set_max_response_bytes(reader.U32());
  channel.attributes.set_max_cached_response_bytes(reader.U32());
  channel.attributes.set_max_operations(reader.U32());
  channel.attributes.set_max_requests(reader.U32());
  const uint32_t rdma = reader.ArrayLength(1, 4);  // ca_rdma_ird<1>
  if (rdma == 1) reader.U32();
  return channel;
}

// What we grant is never more than what was asked for (RFC 8881 18.36.3).
void Clip(pb::ChannelAttributes& channel) {
  channel.set_max_request_bytes(std::min(channel.max_request_bytes(), rpc::kMaxRecordBytes));
  channel.set_max_response_bytes(std::min(channel.max_response_bytes(), rpc::kMaxRecordBytes));
  channel.set_max_cached_response_bytes(
      std::min(channel.max_cached_response_bytes(), kMaxCachedReplyBytes));
  channel.set_max_operations(std::min(channel.max_operations(), kMaxOperations));
  channel.set_max_requests(std::clamp(channel.max_requests(), 1u, kMaxSlots));
}

bool TooSmall(const pb::ChannelAttributes& channel) {
  return std::min(channel.max_request_bytes(), channel.max_response_bytes()) < kMinMessageBytes;
}

void EncodeChannel(const pb::ChannelAttributes& channel, xdr::Writer& reply) {
  reply.U32(0);  // ca_headerpadsize: we read into place without padding
  reply.U32(channel.max_request_bytes());
  reply.U32(channel.max_response_bytes());
  reply.U32(channel.max_cached_response_bytes());
  reply.U32(channel.max_operations());
  reply.U32(channel.max_requests());
  reply.U32(0);  // ca_rdma_ird
}

class CreateSession final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_CREATE_SESSION, "CREATE_SESSION",
                                          OperationKind::kMetadataAlone, true,
                                          NFS4_SESSIONID_SIZE + 2 * 4 + 2 * 7 * 4};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<CreateSession>();
    operation->client_id_ = reader.U64();
    operation->sequence_id_ = reader.U32();
    operation->flags_ = reader.U32();
    operation->fore_ = DecodeChannel(reader).attributes;
    operation->back_ = DecodeChannel(reader).attributes;
    reader.U32();  // csa_cb_program: nobody calls it
    SkipCallbackSecurity(reader);
    if ((operation->flags_ & ~kSessionFlags) != 0) operation->argument_status_ = NFS4ERR_INVAL;
    if (TooSmall(operation->fore_)) operation->argument_status_ = NFS4ERR_TOOSMALL;
    Clip(operation->fore_);
    Clip(operation->back_);
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    pb::CreateSession& arguments = *planned->mutable_create_session();
    arguments.set_client_id(client_id_);
    arguments.set_sequence_id(sequence_id_);
    // Nothing that may be asked for is granted: no persistent reply cache in the RFC's sense, which
    // covers reads too, no back channel, no RDMA.
    arguments.set_flags(0);
    *arguments.mutable_fore_channel() = fore_;
    *arguments.mutable_back_channel() = back_;
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override {
    const pb::CreateSessionResult& made = result.create_session();
    // Fresh even if this was a retry: a client that still asks has not used the session yet.
    context.services->sessions().Insert(made.session_id(), client_id_, made.fore_channel(), true);
    reply.FixedOpaque(made.session_id());
    reply.U32(made.sequence_id());
    reply.U32(made.flags());
    EncodeChannel(made.fore_channel(), reply);
    EncodeChannel(made.back_channel(), reply);
    return NFS4_OK;
  }

 private:
  uint64_t client_id_ = 0;
  uint32_t sequence_id_ = 0;
  uint32_t flags_ = 0;
  pb::ChannelAttributes fore_;
  pb::ChannelAttributes back_;
};

}  // namespace

OPENEFS_NFS_OPERATION(CreateSession);

}  // namespace openefs::nfs4
