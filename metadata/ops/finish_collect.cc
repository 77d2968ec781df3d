#include "metadata/ops/finish_collect.h"

#include "metadata/ops/background.h"
#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

constexpr size_t kIdBytes = 8 + 16;  // when it was queued, blob

void Forget(Transaction& txn, const std::string& queue_key) {
  if (!txn.Contains(queue_key)) return;
  txn.Delete(queue_key);
  KeyReader key(queue_key);
  key.SkipPrefix();
  (void)key.U64();
  txn.Delete(keys::Blob(key.Blob()));
}

}  // namespace

pb::FsError FinishCollectOp::Apply(OperationContext& context, const Request& request,
                                   pb::OperationResult*) {
  if (request.keys_size() > kMaxBatch) return pb::FS_INVAL;
  for (const std::string& key : request.keys()) {
    if (!IsQueueKey(key, KeyTag::kCollectQueue, kIdBytes)) return pb::FS_INVAL;
    Forget(context.txn, key);
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
