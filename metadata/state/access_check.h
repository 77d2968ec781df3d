// Whether a stateid lets its holder read or write a file.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// For READ, WRITE and SETATTR of the size (RFC 8881 8.2.3, 9.1.2). `stateid` may be an open's, a
// lock's, the current stateid or a special one.
//   FS_OK            go on; *permission_checked says that the open already passed the mode bits,
//                    otherwise (special stateids) the caller checks them
//   FS_OPENMODE      the open does not include this access
//   FS_SHARE_DENIED  a special stateid against another client's share_deny
//   FS_BAD_STATEID, FS_OLD_STATEID
pb::FsError CheckIoState(OperationContext& context, const pb::Stateid& stateid,
                         const pb::FileRef& file, bool write, bool* permission_checked);

}  // namespace openefs::metadata
