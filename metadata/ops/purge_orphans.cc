#include "metadata/ops/purge_orphans.h"

#include <algorithm>

#include "metadata/ops/inode.h"
#include "metadata/store/extents.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

struct Queued {
  FileSystemId fs;
  InodeId inode;
};

// False: the queue is empty.
bool FirstQueued(const Transaction& txn, Queued* first) {
  const std::string queue = keys::Prefix(keys::kClusterWide, KeyTag::kPurgeQueue);
  auto it = txn.Scan(queue, PrefixEnd(queue));
  if (!it->Valid()) return false;
  KeyReader key(it->Key());
  key.SkipPrefix();
  first->fs = key.U64();
  first->inode = key.U64();
  return true;
}

// True: the file has nothing more to free.
bool PurgeFile(OperationContext& context, const Queued& queued, size_t* budget) {
  const auto now_ms = static_cast<uint64_t>(context.environment.wall_time_ns / kNsPerMs);
  Inode inode;
  if (!FindInode(context.txn, queued.fs, queued.inode, &inode))
    return PurgeExtents(context.txn, queued.fs, queued.inode, nullptr, now_ms, budget);
  const bool done =
      PurgeExtents(context.txn, queued.fs, queued.inode, &inode.record, now_ms, budget);
  StoreInode(context.txn, &inode);
  return done;
}

}  // namespace

pb::FsError PurgeOrphansOp::Apply(OperationContext& context, const Request& request,
                                  pb::OperationResult* result) {
  size_t budget = std::min<size_t>(request.max_extents(), kMaxExtentsPerEntry);
  Queued queued;
  while (FirstQueued(context.txn, &queued)) {
    if (budget == 0 || !PurgeFile(context, queued, &budget)) {
      result->mutable_purge()->set_more(true);
      return pb::FS_OK;
    }
  }
  result->mutable_purge()->set_more(false);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
