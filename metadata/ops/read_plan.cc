#include "metadata/ops/read_plan.h"

#include <algorithm>

#include "common/limits.h"
#include "metadata/ops/inode.h"
#include "metadata/ops/permission.h"
#include "metadata/state/access_check.h"
#include "metadata/store/extents.h"

namespace openefs::metadata {
namespace {

// Who may execute a file may have it read to him: that is how a client runs a program of mode 0111.
pb::FsError CheckRead(const OperationContext& context, const Inode& inode) {
  const bool allowed = Granted(context.credentials, inode.record, kMayRead | kMayExecute) != 0;
  return allowed ? pb::FS_OK : pb::FS_ACCESS;
}

}  // namespace

pb::FsError ReadPlanOp::Apply(OperationContext& context, const Request& request,
                              pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  if (pb::FsError error = RequireRegular(inode); error != pb::FS_OK) return error;
  bool checked = false;
  pb::FsError state = CheckIoState(context, request.stateid(), inode.Ref(), false, &checked);
  if (state != pb::FS_OK) return state;
  if (!checked) {
    if (pb::FsError error = CheckRead(context, inode); error != pb::FS_OK) return error;
  }
  const uint64_t size = inode.record.size();
  const uint64_t begin = std::min(request.offset(), size);
  const uint64_t count = std::min<uint64_t>(std::min(request.count(), kMaxIoBytes), size - begin);
  pb::ReadPlanResult* plan = result->mutable_read_plan();
  PlanExtents(context.txn, inode.fs, inode.id, inode.record, begin, count, plan);
  plan->set_end_of_file(begin + count == size);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
