#include "metadata/ops/lock_test.h"

#include <algorithm>

#include "metadata/ops/inode.h"
#include "metadata/state/lock_table.h"
#include "metadata/state/share.h"

namespace openefs::metadata {

pb::FsError LockTestOp::Apply(OperationContext& context, const Request& request,
                              pb::OperationResult* result) {
  Inode inode;
  pb::FsError error = LoadCurrent(context, &inode);
  if (error != pb::FS_OK) return error;
  error = RequireRegular(inode);
  if (error != pb::FS_OK) return error;
  ByteRange range;
  error = MakeByteRange(request.range(), &range);
  if (error != pb::FS_OK) return error;
  std::vector<HeldRange> ranges = RangesOfFile(context.txn, context.registers.current());
  // What a LOCK would push aside is not in the way.
  std::erase_if(ranges, [&](const HeldRange& held) {
    return held.client_id != context.client_id && IsLapsed(context, held.client_id);
  });
  const HeldRange* held =
      FindConflict(ranges, range, request.exclusive(), context.client_id, request.owner().owner());
  if (held == nullptr) return pb::FS_OK;
  DescribeConflict(*held, result->mutable_conflict());
  return pb::FS_DENIED;
}

}  // namespace openefs::metadata
