#include "metadata/ops/lookup.h"

#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"

namespace openefs::metadata {

pb::FsError LookupOp::Apply(OperationContext& context, const Request& request,
                            pb::OperationResult*) {
  Inode directory;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  if (pb::FsError error = CheckName(request.name()); error != pb::FS_OK) return error;
  pb::FsError allowed = CheckMode(context.credentials, directory.record, kMayExecute);
  if (allowed != pb::FS_OK) return allowed;
  pb::DirentRecord entry;
  if (!FindEntry(context.txn, directory, request.name(), &entry)) return pb::FS_NOENT;
  SetCurrent(context, EntryRef(directory, entry));
  return pb::FS_OK;
}

}  // namespace openefs::metadata
