#include "metadata/ops/write_commit.h"

#include <algorithm>

#include "common/limits.h"
#include "metadata/ops/inode.h"
#include "metadata/ops/permission.h"
#include "metadata/state/access_check.h"
#include "metadata/store/blobs.h"
#include "metadata/store/extents.h"

namespace openefs::metadata {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

pb::FsError CheckRequest(const pb::WriteCommit& request) {
  const uint64_t bytes =
      request.has_blob() ? request.blob().length() : request.inline_data().size();
  if (bytes != request.length() || request.length() > kMaxIoBytes) return pb::FS_INVAL;
  if (request.has_blob() && request.length() == 0) return pb::FS_INVAL;
  if (!request.has_blob() && bytes > kInlineBytes) return pb::FS_INVAL;
  const bool fits =
      request.offset() <= kMaxFileBytes && request.length() <= kMaxFileBytes - request.offset();
  return fits ? pb::FS_OK : pb::FS_FBIG;
}

pb::FsError CheckWrite(OperationContext& context, const pb::Stateid& stateid, const Inode& inode) {
  if (pb::FsError error = RequireRegular(inode); error != pb::FS_OK) return error;
  bool checked = false;
  pb::FsError state = CheckIoState(context, stateid, inode.Ref(), true, &checked);
  if (state != pb::FS_OK || checked) return state;
  return CheckMode(context.credentials, inode.record, kMayWrite);
}

// The collector takes blobs that nobody refers to kBlobOrphanMs after they were made; half of that
// lies between its decision and ours. A blob in the collect queue is on its way out already.
pb::FsError CheckBlob(const Transaction& txn, const pb::NewBlob& blob, uint64_t now_ms) {
  const BlobId id = FromProto(blob.id());
  if (now_ms > id.created_ms() + kBlobOrphanMs / 2) return pb::FS_DELAY;
  return MayReferTo(txn, blob) ? pb::FS_OK : pb::FS_DELAY;
}

}  // namespace

pb::FsError WriteCommitOp::Apply(OperationContext& context, const Request& request,
                                 pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  if (pb::FsError error = CheckRequest(request); error != pb::FS_OK) return error;
  pb::FsError allowed = CheckWrite(context, request.stateid(), inode);
  if (allowed != pb::FS_OK) return allowed;
  const auto now_ms = static_cast<uint64_t>(context.environment.wall_time_ns / kNsPerMs);
  const FileData data{context.txn, inode.fs, inode.id, inode.record, now_ms};
  pb::WriteResult* write = result->mutable_write();
  if (request.has_blob()) {
    pb::FsError error = CheckBlob(context.txn, request.blob(), now_ms);
    if (error != pb::FS_OK) return error;
    WriteBlobExtent(data, request.offset(), request.blob());
    *write->mutable_kept_blob() = request.blob().id();
  } else if (request.length() > 0) {
    WriteInlineExtent(data, request.offset(), request.inline_data());
  }
  write->set_count(request.length());
  if (request.length() == 0) return pb::FS_OK;  // POSIX: no bytes, no change
  const uint64_t end = request.offset() + request.length();
  inode.record.set_size(std::max(inode.record.size(), end));
  inode.record.set_mode(ModeAfterDataChange(context.credentials, inode.record.mode()));
  TouchContents(context.environment, &inode);
  StoreInode(context.txn, &inode);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
