#include "metadata/ops/finish_repair.h"

#include "metadata/ops/background.h"
#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

constexpr size_t kIdBytes = 16;

}  // namespace

pb::FsError FinishRepairOp::Apply(OperationContext& context, const Request& request,
                                  pb::OperationResult*) {
  if (!IsQueueKey(request.key(), KeyTag::kRepairQueue, kIdBytes)) return pb::FS_INVAL;
  pb::RepairRecord record;
  if (!context.txn.GetRecord(request.key(), &record)) return pb::FS_OK;
  record.set_missing_mask(record.missing_mask() & ~request.repaired_mask());
  if (record.missing_mask() == 0) {
    context.txn.Delete(request.key());
  } else {
    context.txn.PutRecord(request.key(), record);
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
