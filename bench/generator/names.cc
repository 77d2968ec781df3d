// What the report calls things.
#include "bench/generator/compound.h"

namespace openefs::bench {

using namespace nfs4;  // the wire's names

namespace {

struct NamedStatus {
  nfsstat4 status;
  const char* name;
};

#define OPENEFS_NAMED(name) \
  { name, #name }
constexpr NamedStatus kStatuses[] = {
    OPENEFS_NAMED(NFS4_OK),
    OPENEFS_NAMED(NFS4ERR_PERM),
    OPENEFS_NAMED(NFS4ERR_NOENT),
    OPENEFS_NAMED(NFS4ERR_IO),
    OPENEFS_NAMED(NFS4ERR_ACCESS),
    OPENEFS_NAMED(NFS4ERR_EXIST),
    OPENEFS_NAMED(NFS4ERR_NOTDIR),
    OPENEFS_NAMED(NFS4ERR_ISDIR),
    OPENEFS_NAMED(NFS4ERR_INVAL),
    OPENEFS_NAMED(NFS4ERR_FBIG),
    OPENEFS_NAMED(NFS4ERR_NOSPC),
    OPENEFS_NAMED(NFS4ERR_ROFS),
    OPENEFS_NAMED(NFS4ERR_NOTEMPTY),
    OPENEFS_NAMED(NFS4ERR_DQUOT),
    OPENEFS_NAMED(NFS4ERR_STALE),
    OPENEFS_NAMED(NFS4ERR_BADHANDLE),
    OPENEFS_NAMED(NFS4ERR_NOTSUPP),
    OPENEFS_NAMED(NFS4ERR_SERVERFAULT),
    OPENEFS_NAMED(NFS4ERR_DELAY),
    OPENEFS_NAMED(NFS4ERR_DENIED),
    OPENEFS_NAMED(NFS4ERR_EXPIRED),
    OPENEFS_NAMED(NFS4ERR_LOCKED),
    OPENEFS_NAMED(NFS4ERR_GRACE),
    OPENEFS_NAMED(NFS4ERR_SHARE_DENIED),
    OPENEFS_NAMED(NFS4ERR_WRONGSEC),
    OPENEFS_NAMED(NFS4ERR_CLID_INUSE),
    OPENEFS_NAMED(NFS4ERR_RESOURCE),
    OPENEFS_NAMED(NFS4ERR_NOFILEHANDLE),
    OPENEFS_NAMED(NFS4ERR_MINOR_VERS_MISMATCH),
    OPENEFS_NAMED(NFS4ERR_STALE_CLIENTID),
    OPENEFS_NAMED(NFS4ERR_STALE_STATEID),
    OPENEFS_NAMED(NFS4ERR_OLD_STATEID),
    OPENEFS_NAMED(NFS4ERR_BAD_STATEID),
    OPENEFS_NAMED(NFS4ERR_BADXDR),
    OPENEFS_NAMED(NFS4ERR_LOCKS_HELD),
    OPENEFS_NAMED(NFS4ERR_OPENMODE),
    OPENEFS_NAMED(NFS4ERR_DEADLOCK),
    OPENEFS_NAMED(NFS4ERR_ADMIN_REVOKED),
    OPENEFS_NAMED(NFS4ERR_BADSESSION),
    OPENEFS_NAMED(NFS4ERR_BADSLOT),
    OPENEFS_NAMED(NFS4ERR_CONN_NOT_BOUND_TO_SESSION),
    OPENEFS_NAMED(NFS4ERR_SEQ_MISORDERED),
    OPENEFS_NAMED(NFS4ERR_REQ_TOO_BIG),
    OPENEFS_NAMED(NFS4ERR_REP_TOO_BIG),
    OPENEFS_NAMED(NFS4ERR_REP_TOO_BIG_TO_CACHE),
    OPENEFS_NAMED(NFS4ERR_RETRY_UNCACHED_REP),
    OPENEFS_NAMED(NFS4ERR_TOO_MANY_OPS),
    OPENEFS_NAMED(NFS4ERR_OP_NOT_IN_SESSION),
    OPENEFS_NAMED(NFS4ERR_CLIENTID_BUSY),
    OPENEFS_NAMED(NFS4ERR_SEQ_FALSE_RETRY),
    OPENEFS_NAMED(NFS4ERR_BAD_HIGH_SLOT),
    OPENEFS_NAMED(NFS4ERR_DEADSESSION),
};
#undef OPENEFS_NAMED

}  // namespace

const char* NameOf(CallKind kind) {
  switch (kind) {
    case CallKind::kAccess:
      return "ACCESS";
    case CallKind::kClose:
      return "CLOSE";
    case CallKind::kCommit:
      return "COMMIT";
    case CallKind::kCreate:
      return "CREATE";
    case CallKind::kGetattr:
      return "GETATTR";
    case CallKind::kLock:
      return "LOCK";
    case CallKind::kLocku:
      return "LOCKU";
    case CallKind::kLookup:
      return "LOOKUP";
    case CallKind::kOpen:
      return "OPEN";
    case CallKind::kRead:
      return "READ";
    case CallKind::kReaddir:
      return "READDIR";
    case CallKind::kRemove:
      return "REMOVE";
    case CallKind::kRename:
      return "RENAME";
    case CallKind::kWrite:
      return "WRITE";
    case CallKind::kSession:
      return "SEQUENCE";
  }
  return "?";
}

std::string NameOf(nfsstat4 status) {
  for (const NamedStatus& named : kStatuses) {
    if (named.status == status) return named.name;
  }
  return "nfsstat4 " + std::to_string(static_cast<uint32_t>(status));
}

}  // namespace openefs::bench
