// READ (RFC 8881 18.22): the metadata says which pieces the bytes are made of; those in blobs are
// fetched side by side and go to the socket as they came.
#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
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
using Piece = pb::ReadPlanResult::Piece;

// eof, the length of the data, and its padding.
constexpr uint32_t kReadOverheadBytes = 4 + 4 + 3;

// Blob reads of one READ in flight. A file written in one go has one or two; one that was
// overwritten in thousands of places must not flood the data nodes.
constexpr size_t kMaxBlobReads = 64;

class Read final : public Operation {
 public:
  static constexpr OperationInfo kInfo = {OP_READ, "READ", OperationKind::kMetadata, false,
                                          kReadOverheadBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  OperationKind Kind(const CompoundContext& context) const override {
    return context.current_is_pseudo_root ? OperationKind::kLocal : kInfo.kind;
  }
  uint32_t ReplyBytes() const override {
    return kReadOverheadBytes + std::min(count_, kMaxIoBytes);
  }
  void Plan(CompoundContext& context, pb::Operation* operation) override;
  awaitable<nfsstat4> Finish(CompoundContext& context, const pb::OperationResult& result,
                             xdr::Writer& reply) override;

 private:
  pb::Stateid stateid_;
  uint64_t offset_ = 0;
  uint32_t count_ = 0;
  bool planned_ = false;
};

std::unique_ptr<Operation> Read::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Read>();
  DecodeStateid(reader, &operation->stateid_);
  operation->offset_ = reader.U64();
  operation->count_ = reader.U32();
  return operation;
}

// A READ may always return less than was asked for.
void Read::Plan(CompoundContext& context, pb::Operation* operation) {
  const uint32_t room = std::max(context.max_reply_bytes, kReadOverheadBytes) - kReadOverheadBytes;
  count_ = std::min({count_, kMaxIoBytes, room});
  count_ = static_cast<uint32_t>(std::min<uint64_t>(count_, NFS4_UINT64_MAX - offset_));
  planned_ = true;
  pb::ReadPlan* plan = operation->mutable_read_plan();
  *plan->mutable_stateid() = stateid_;
  plan->set_offset(offset_);
  plan->set_count(count_);
}

// ---- fetching

Buffer Zeros(uint32_t length) {
  static const char zeros[kMaxIoBytes] = {};
  return Buffer(nullptr, zeros, length);
}

// One or more blob reads, and who waits for the last of them.
struct Fetch {
  std::vector<absl::StatusOr<BufferList>> results;
  std::atomic<size_t> outstanding;
  absl::AnyInvocable<void(std::shared_ptr<Fetch>)> done;
};

void StartFetch(datastore::BlobClient& blobs, const std::vector<const Piece*>& pieces,
                absl::AnyInvocable<void(std::shared_ptr<Fetch>)> done) {
  auto fetch = std::make_shared<Fetch>();
  fetch->results.resize(pieces.size(), absl::UnknownError(""));
  fetch->outstanding = pieces.size();
  fetch->done = std::move(done);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto& blob = pieces[i]->blob();
    blobs.Read({blob.id().high(), blob.id().low()}, blob.blob_length(), blob.blob_offset(),
               pieces[i]->length(), [fetch, i](absl::StatusOr<BufferList> bytes) {
                 fetch->results[i] = std::move(bytes);
                 if (fetch->outstanding.fetch_sub(1) == 1) fetch->done(fetch);
               });
  }
}

nfsstat4 StatusOf(const absl::Status& status) {
  return status.code() == absl::StatusCode::kDataLoss ? NFS4ERR_IO : NFS4ERR_DELAY;
}

// Fetches up to kMaxBlobReads pieces and hands their bytes to `data`, by index in the plan.
awaitable<nfsstat4> FetchSome(datastore::BlobClient& blobs, const std::vector<size_t>& indexes,
                              const pb::ReadPlanResult& plan, std::vector<BufferList>* data) {
  std::vector<const Piece*> pieces;
  for (size_t index : indexes) pieces.push_back(&plan.pieces(static_cast<int>(index)));
  const auto fetch = co_await rpc::Await<std::shared_ptr<Fetch>>(
      [&](auto done) { StartFetch(blobs, pieces, std::move(done)); });
  for (size_t i = 0; i < pieces.size(); ++i) {
    absl::StatusOr<BufferList>& bytes = fetch->results[i];
    if (!bytes.ok()) co_return StatusOf(bytes.status());
    if (TotalBytes(*bytes) != pieces[i]->length()) co_return NFS4ERR_IO;
    (*data)[indexes[i]] = *std::move(bytes);
  }
  co_return NFS4_OK;
}

awaitable<nfsstat4> FetchBlobs(datastore::BlobClient& blobs, const pb::ReadPlanResult& plan,
                               std::vector<BufferList>* data) {
  std::vector<size_t> batch;
  const size_t count = data->size();
  for (size_t i = 0; i < count; ++i) {
    if (plan.pieces(static_cast<int>(i)).has_blob()) batch.push_back(i);
    if (batch.empty() || (batch.size() < kMaxBlobReads && i + 1 < count)) continue;
    const nfsstat4 status = co_await FetchSome(blobs, batch, plan, data);
    if (status != NFS4_OK) co_return status;
    batch.clear();
  }
  co_return NFS4_OK;
}

// The bytes of a piece that is in the plan itself. False: it is not what it says it is.
bool TakeLocalPiece(const Piece& piece, BufferList* data) {
  if (piece.hole()) {
    data->push_back(Zeros(piece.length()));
    return true;
  }
  data->push_back(Buffer::Copy(piece.inline_data()));
  return piece.inline_data().size() == piece.length();
}

bool IsSane(const pb::ReadPlanResult& plan, uint32_t count) {
  uint64_t total = 0;
  for (const Piece& piece : plan.pieces()) total += piece.length();
  return total <= count;
}

// All the bytes of the plan, in order.
awaitable<nfsstat4> Collect(datastore::BlobClient& blobs, const pb::ReadPlanResult& plan,
                            BufferList* bytes) {
  std::vector<BufferList> data(static_cast<size_t>(plan.pieces_size()));
  for (int i = 0; i < plan.pieces_size(); ++i) {
    const Piece& piece = plan.pieces(i);
    if (piece.has_blob()) continue;
    if (!TakeLocalPiece(piece, &data[static_cast<size_t>(i)])) co_return NFS4ERR_SERVERFAULT;
  }
  const nfsstat4 status = co_await FetchBlobs(blobs, plan, &data);
  if (status != NFS4_OK) co_return status;
  for (BufferList& piece : data) std::move(piece.begin(), piece.end(), std::back_inserter(*bytes));
  co_return NFS4_OK;
}

// Whether what follows may be worth fetching ahead: not behind the end, nor of a file in small
// pieces.
bool GoesOn(const pb::ReadPlanResult& plan) {
  constexpr int kMaxPieces = 4;
  const bool in_blobs = plan.pieces_size() > 0 && plan.pieces(plan.pieces_size() - 1).has_blob();
  return in_blobs && plan.pieces_size() <= kMaxPieces && !plan.end_of_file();
}

awaitable<nfsstat4> Read::Finish(CompoundContext& context, const pb::OperationResult& result,
                                 xdr::Writer& reply) {
  if (!planned_) co_return NFS4ERR_ISDIR;  // the pseudo root
  const pb::ReadPlanResult& plan = result.read_plan();
  if (!IsSane(plan, count_)) co_return NFS4ERR_SERVERFAULT;
  BufferList bytes;
  const nfsstat4 status = co_await Collect(context.services->blobs(), plan, &bytes);
  if (status != NFS4_OK) co_return status;
  if (GoesOn(plan)) {
    context.services->read_ahead().OnRead(context.credentials, context.client_id,
                                          context.registers.current(), offset_, count_);
  }
  reply.Bool(plan.end_of_file());
  reply.OpaqueBuffers(std::move(bytes));
  co_return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(Read);

}  // namespace openefs::nfs4
