// Changing attributes: SETATTR, and the initial attributes of CREATE and OPEN.
#pragma once

#include "metadata/ops/inode.h"

namespace openefs::metadata {

// chmod, chown and utimes with the rules of Linux; the size is not touched. Changes the record,
// the caller stores it. FS_PERM, FS_ACCESS, FS_INVAL (nanoseconds beyond 999,999,999).
[[nodiscard]] pb::FsError ChangeAttributes(OperationContext& context,
                                           const pb::AttributeChange& change, Inode* inode);

// The attributes a file is born with: mode, times and, for a regular file, size. Owner and group
// are set before; here they may change as ChangeAttributes allows.
[[nodiscard]] pb::FsError InitializeAttributes(OperationContext& context,
                                               const pb::AttributeChange& attributes, Inode* inode);

// Sets the size of a regular file; times, change and set-id bits follow. Permission is the caller's
// business; so is storing. FS_FBIG: over kMaxFileBytes. FS_DELAY: too many big truncations of this
// file wait to be freed.
[[nodiscard]] pb::FsError TruncateFile(OperationContext& context, uint64_t size, Inode* inode);

}  // namespace openefs::metadata
