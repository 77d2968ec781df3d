#include "metadata/ops/access.h"

#include "metadata/ops/inode.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {
namespace {

// RFC 8881 18.1: ACCESS4_*.
constexpr uint32_t kRead = 0x01;
constexpr uint32_t kLookup = 0x02;
constexpr uint32_t kModify = 0x04;
constexpr uint32_t kExtend = 0x08;
constexpr uint32_t kDelete = 0x10;
constexpr uint32_t kExecute = 0x20;

// Changing a directory needs search permission besides.
uint32_t ForDirectory(uint32_t mode) {
  uint32_t access = 0;
  if (mode & kMayRead) access |= kRead;
  if (mode & kMayExecute) access |= kLookup;
  if ((mode & kMayWrite) && (mode & kMayExecute)) access |= kModify | kExtend | kDelete;
  return access;
}

uint32_t ForOthers(uint32_t mode) {
  uint32_t access = 0;
  if (mode & kMayRead) access |= kRead;
  if (mode & kMayWrite) access |= kModify | kExtend;
  if (mode & kMayExecute) access |= kExecute;
  return access;
}

}  // namespace

pb::FsError AccessOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult* result) {
  Inode inode;
  if (pb::FsError error = LoadCurrent(context, &inode); error != pb::FS_OK) return error;
  const uint32_t mode =
      Granted(context.credentials, inode.record, kMayRead | kMayWrite | kMayExecute);
  result->set_access(request.mask() & (inode.IsDirectory() ? ForDirectory(mode) : ForOthers(mode)));
  return pb::FS_OK;
}

}  // namespace openefs::metadata
