// The one place where outcomes of the metadata become NFS status codes.
#pragma once

#include "proto/common.pb.h"
#include "proto/nfs4.h"

namespace openefs::nfs4 {

// What `error` is as such: for statuses inside a reply's body (TEST_STATEID).
nfsstat4 ToWireStatus(pb::FsError error);

// What `operation` answers for `error`: always a status RFC 8881 15.2 lists for that operation.
// Where the plain one is not listed, the nearest listed one; NFS4ERR_SERVERFAULT where there is
// none, which can only be a defect of ours. Two exceptions, because nothing listed would be true:
// NFS4ERR_DELAY from any operation (the service has no quorum) and NFS4ERR_SERVERFAULT; and GETFH,
// which lists next to nothing, may say that the session has gone.
nfsstat4 ToWireStatus(pb::FsError error, nfs_opnum4 operation);

}  // namespace openefs::nfs4
