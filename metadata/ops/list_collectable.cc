#include "metadata/ops/list_collectable.h"

#include <algorithm>

#include "metadata/ops/background.h"
#include "metadata/store/blobs.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr size_t kIdBytes = 8 + 16;  // when it was queued, blob

}  // namespace

pb::FsError ListCollectableOp::Apply(OperationContext& context, const Request& request,
                                     pb::OperationResult* result) {
  const bool from_start = request.after().empty();
  if (!from_start && !IsQueueKey(request.after(), KeyTag::kCollectQueue, kIdBytes)) {
    return pb::FS_INVAL;
  }
  const auto now_ms = static_cast<uint64_t>(context.environment.wall_time_ns / kNsPerMs);
  const uint64_t ripe_ms = now_ms - std::min(now_ms, kCollectDelayMs);
  pb::CollectableResult* list = result->mutable_collectable();
  // The first key behind `after` is `after` with a byte more.
  const std::string begin =
      from_start ? keys::Prefix(keys::kClusterWide, KeyTag::kCollectQueue) : request.after() + '\0';
  auto it = context.txn.Scan(begin, keys::Collect(ripe_ms + 1, BlobId{}));
  for (; it->Valid() && list->blobs_size() < BatchLimit(request.limit()); it->Next()) {
    KeyReader key(it->Key());
    key.SkipPrefix();
    (void)key.U64();
    pb::CollectableResult::Blob* blob = list->add_blobs();
    blob->set_key(std::string(it->Key()));
    *blob->mutable_id() = ToProto(key.Blob());
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
