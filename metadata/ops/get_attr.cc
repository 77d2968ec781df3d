#include "metadata/ops/get_attr.h"

#include "metadata/ops/inode.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// As EFS meters a file system: data in units of 4 KiB and 2 KiB of metadata for each object.
uint64_t MeteredFileSystemBytes(const Transaction& txn, FileSystemId fs) {
  pb::UsageRecord usage;
  txn.GetRecord(keys::Usage(fs), &usage);
  return static_cast<uint64_t>(usage.bytes()) +
         static_cast<uint64_t>(usage.inodes()) * kMeterInodeBytes;
}

}  // namespace

pb::FsError GetAttrOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  pb::Attributes* attributes = result->mutable_attributes();
  FillAttributes(inode, attributes);
  if (request.want_usage())
    attributes->set_fs_bytes_used(MeteredFileSystemBytes(context.txn, inode.fs));
  return pb::FS_OK;
}

}  // namespace openefs::metadata
