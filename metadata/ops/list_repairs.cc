#include "metadata/ops/list_repairs.h"

#include "metadata/ops/background.h"
#include "metadata/store/blobs.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr size_t kIdBytes = 16;

}  // namespace

pb::FsError ListRepairsOp::Apply(OperationContext& context, const Request& request,
                                 pb::OperationResult* result) {
  const std::string queue = keys::Prefix(keys::kClusterWide, KeyTag::kRepairQueue);
  const bool from_start = request.after().empty();
  if (!from_start && !IsQueueKey(request.after(), KeyTag::kRepairQueue, kIdBytes))
    return pb::FS_INVAL;
  // The first key behind `after` is `after` with a byte more.
  auto it = context.txn.Scan(from_start ? queue : request.after() + '\0', PrefixEnd(queue));
  pb::RepairsResult* list = result->mutable_repairs();
  for (; it->Valid() && list->repairs_size() < BatchLimit(request.limit()); it->Next()) {
    pb::RepairRecord record;
    if (!ParseRecord(it->Value(), &record)) CorruptRecord(it->Key());
    KeyReader key(it->Key());
    key.SkipPrefix();
    pb::RepairsResult::Repair* repair = list->add_repairs();
    repair->set_key(std::string(it->Key()));
    *repair->mutable_id() = ToProto(key.Blob());
    repair->set_blob_length(record.blob_length());
    repair->set_missing_mask(record.missing_mask());
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
