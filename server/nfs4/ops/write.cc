// WRITE (RFC 8881 18.32): stable before its reply, whatever the client asks for. Small data travels
// in the metadata operation; larger data becomes a blob first, straight from the request's bytes.
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "common/limits.h"
#include "datastore/client/blob_client.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/services.h"
#include "server/rpc/await.h"

namespace openefs::nfs4 {
namespace {

using boost::asio::awaitable;

class Write final : public Operation {
 public:
  static constexpr OperationInfo kInfo = {OP_WRITE, "WRITE", OperationKind::kMetadata, true,
                                          4 + 4 + NFS4_VERIFIER_SIZE};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  OperationKind Kind(const CompoundContext& context) const override {
    return context.current_is_pseudo_root ? OperationKind::kLocal : kInfo.kind;
  }
  awaitable<nfsstat4> Prepare(CompoundContext& context) override;
  void Plan(CompoundContext& context, pb::Operation* operation) override;
  awaitable<nfsstat4> Finish(CompoundContext& context, const pb::OperationResult& result,
                             xdr::Writer& reply) override;
  void Abandon(CompoundContext& context) override;

 private:
  nfsstat4 Check(const CompoundContext& context) const;

  pb::Stateid stateid_;
  uint64_t offset_ = 0;
  Buffer data_;  // shares the request's memory
  std::optional<datastore::WrittenBlob> blob_;
};

std::unique_ptr<Operation> Write::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Write>();
  DecodeStateid(reader, &operation->stateid_);
  operation->offset_ = reader.U64();
  if (reader.U32() > FILE_SYNC4) reader.Fail();
  // A WRITE may always write less than it was given; a record has not room for much more.
  operation->data_ = reader.OpaqueBuffer(2 * kMaxIoBytes).Slice(0, kMaxIoBytes);
  return operation;
}

// What can be known before anything is stored.
nfsstat4 Write::Check(const CompoundContext& context) const {
  if (context.current_is_pseudo_root) return NFS4ERR_ISDIR;
  if (offset_ > kMaxFileBytes || data_.size() > kMaxFileBytes - offset_) return NFS4ERR_FBIG;
  return NFS4_OK;
}

nfsstat4 StatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return NFS4ERR_NOSPC;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return NFS4ERR_IO;
    default:
      return NFS4ERR_DELAY;
  }
}

awaitable<nfsstat4> Write::Prepare(CompoundContext& context) {
  const nfsstat4 status = Check(context);
  if (status != NFS4_OK || data_.size() <= kInlineBytes) co_return status;
  auto written = co_await rpc::Await<absl::StatusOr<datastore::WrittenBlob>>(
      [&](auto done) { context.services->blobs().Write({data_}, std::move(done)); });
  if (!written.ok()) co_return StatusOf(written.status());
  blob_ = *std::move(written);
  co_return NFS4_OK;
}

void Write::Plan(CompoundContext&, pb::Operation* operation) {
  pb::WriteCommit* commit = operation->mutable_write_commit();
  *commit->mutable_stateid() = stateid_;
  commit->set_offset(offset_);
  commit->set_length(static_cast<uint32_t>(data_.size()));
  if (!blob_.has_value()) {
    commit->set_inline_data(data_.data(), data_.size());
    return;
  }
  commit->mutable_blob()->mutable_id()->set_high(blob_->id.high);
  commit->mutable_blob()->mutable_id()->set_low(blob_->id.low);
  commit->mutable_blob()->set_length(blob_->length);
  commit->mutable_blob()->set_missing_mask(blob_->missing_mask);
}

awaitable<nfsstat4> Write::Finish(CompoundContext& context, const pb::OperationResult& result,
                                  xdr::Writer& reply) {
  if (context.current_is_pseudo_root) co_return NFS4ERR_ISDIR;
  const pb::BlobId& kept = result.write().kept_blob();
  if (blob_.has_value() && (kept.high() != blob_->id.high || kept.low() != blob_->id.low)) {
    Abandon(context);  // a retry: the file has the blob of the first time
  }
  reply.U32(result.write().count());
  reply.U32(FILE_SYNC4);
  reply.FixedOpaque(context.services->write_verifier());
  co_return NFS4_OK;
}

void Write::Abandon(CompoundContext& context) {
  if (!blob_.has_value()) return;
  // Best effort: the collector finds what nobody refers to.
  context.services->blobs().Delete({blob_->id}, [](const absl::Status&) {});
  blob_.reset();
}

}  // namespace

OPENEFS_NFS_OPERATION(Write);

}  // namespace openefs::nfs4
