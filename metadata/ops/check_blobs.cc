#include "metadata/ops/check_blobs.h"

#include "metadata/ops/background.h"
#include "metadata/store/blobs.h"

namespace openefs::metadata {

pb::FsError CheckBlobsOp::Apply(OperationContext& context, const Request& request,
                                pb::OperationResult* result) {
  if (request.blobs_size() > kMaxBatch) return pb::FS_INVAL;
  pb::CheckBlobsResult* answer = result->mutable_check_blobs();
  for (const pb::BlobId& id : request.blobs()) {
    answer->add_known(BlobIsKnown(context.txn, FromProto(id)));
    answer->add_blob_lengths(ReferencedBlobLength(context.txn, FromProto(id)));
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
