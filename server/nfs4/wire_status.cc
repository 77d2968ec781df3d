#include "server/nfs4/wire_status.h"

#include <algorithm>
#include <span>

namespace openefs::nfs4 {
namespace {

struct PlainStatus {
  pb::FsError error;
  nfsstat4 status;
};

constexpr PlainStatus kPlain[] = {
    {pb::FS_OK, NFS4_OK},
    {pb::FS_PERM, NFS4ERR_PERM},
    {pb::FS_NOENT, NFS4ERR_NOENT},
    {pb::FS_IO, NFS4ERR_IO},
    {pb::FS_ACCESS, NFS4ERR_ACCESS},
    {pb::FS_EXIST, NFS4ERR_EXIST},
    {pb::FS_XDEV, NFS4ERR_XDEV},
    {pb::FS_NOTDIR, NFS4ERR_NOTDIR},
    {pb::FS_ISDIR, NFS4ERR_ISDIR},
    {pb::FS_INVAL, NFS4ERR_INVAL},
    {pb::FS_FBIG, NFS4ERR_FBIG},
    {pb::FS_NOSPC, NFS4ERR_NOSPC},
    {pb::FS_ROFS, NFS4ERR_ROFS},
    {pb::FS_MLINK, NFS4ERR_MLINK},
    {pb::FS_NAMETOOLONG, NFS4ERR_NAMETOOLONG},
    {pb::FS_NOTEMPTY, NFS4ERR_NOTEMPTY},
    {pb::FS_DQUOT, NFS4ERR_DQUOT},
    {pb::FS_STALE, NFS4ERR_STALE},
    {pb::FS_SYMLINK, NFS4ERR_SYMLINK},
    {pb::FS_WRONG_TYPE, NFS4ERR_WRONG_TYPE},
    {pb::FS_BADTYPE, NFS4ERR_BADTYPE},
    {pb::FS_BADNAME, NFS4ERR_BADNAME},
    {pb::FS_BAD_COOKIE, NFS4ERR_BAD_COOKIE},
    {pb::FS_NOTSUPP, NFS4ERR_NOTSUPP},
    {pb::FS_NO_CURRENT_FILE, NFS4ERR_NOFILEHANDLE},
    {pb::FS_NO_SAVED_FILE, NFS4ERR_NOFILEHANDLE},
    {pb::FS_BAD_STATEID, NFS4ERR_BAD_STATEID},
    {pb::FS_OLD_STATEID, NFS4ERR_OLD_STATEID},
    {pb::FS_EXPIRED, NFS4ERR_EXPIRED},
    {pb::FS_SHARE_DENIED, NFS4ERR_SHARE_DENIED},
    {pb::FS_OPENMODE, NFS4ERR_OPENMODE},
    {pb::FS_DENIED, NFS4ERR_DENIED},
    {pb::FS_LOCK_RANGE, NFS4ERR_LOCK_RANGE},
    {pb::FS_BAD_RANGE, NFS4ERR_BAD_RANGE},
    {pb::FS_DEADLOCK, NFS4ERR_DEADLOCK},
    {pb::FS_LOCKS_HELD, NFS4ERR_LOCKS_HELD},
    {pb::FS_NO_GRACE, NFS4ERR_NO_GRACE},
    {pb::FS_RECLAIM_BAD, NFS4ERR_RECLAIM_BAD},
    // 4.1 operations may not answer NFS4ERR_RESOURCE; EFS too calls a client's full table a quota.
    {pb::FS_RESOURCE, NFS4ERR_DQUOT},
    {pb::FS_STALE_CLIENTID, NFS4ERR_STALE_CLIENTID},
    {pb::FS_CLID_INUSE, NFS4ERR_CLID_INUSE},
    {pb::FS_CLIENTID_BUSY, NFS4ERR_CLIENTID_BUSY},
    {pb::FS_BADSESSION, NFS4ERR_BADSESSION},
    {pb::FS_SEQ_MISORDERED, NFS4ERR_SEQ_MISORDERED},
    {pb::FS_SEQ_FALSE_RETRY, NFS4ERR_SEQ_FALSE_RETRY},
    {pb::FS_COMPLETE_ALREADY, NFS4ERR_COMPLETE_ALREADY},
    {pb::FS_NOT_SAME, NFS4ERR_NOT_SAME},
    {pb::FS_ENCR_ALG_UNSUPP, NFS4ERR_ENCR_ALG_UNSUPP},
    {pb::FS_DELAY, NFS4ERR_DELAY},
    {pb::FS_SERVERFAULT, NFS4ERR_SERVERFAULT},
};

// RFC 8881 15.2, cut to what an FsError can become. NFS4ERR_DEADSESSION, _RETRY_UNCACHED_REP and
// _DELAY, which nearly all list, are left out and hold for all.
constexpr nfsstat4 kAccess[] = {NFS4ERR_IO, NFS4ERR_ACCESS, NFS4ERR_INVAL, NFS4ERR_STALE,
                                NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kClose[] = {NFS4ERR_STALE,       NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID,
                               NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED,      NFS4ERR_LOCKS_HELD};
constexpr nfsstat4 kCommit[] = {NFS4ERR_IO,          NFS4ERR_ACCESS,  NFS4ERR_ISDIR,
                                NFS4ERR_STALE,       NFS4ERR_SYMLINK, NFS4ERR_WRONG_TYPE,
                                NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kCreate[] = {
    NFS4ERR_PERM,  NFS4ERR_IO,    NFS4ERR_ACCESS,  NFS4ERR_EXIST,   NFS4ERR_NOTDIR,
    NFS4ERR_INVAL, NFS4ERR_NOSPC, NFS4ERR_ROFS,    NFS4ERR_MLINK,   NFS4ERR_NAMETOOLONG,
    NFS4ERR_DQUOT, NFS4ERR_STALE, NFS4ERR_BADTYPE, NFS4ERR_BADNAME, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kGetattr[] = {NFS4ERR_IO,    NFS4ERR_ACCESS,     NFS4ERR_INVAL,
                                 NFS4ERR_STALE, NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kGetfh[] = {NFS4ERR_STALE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kLink[] = {
    NFS4ERR_IO,      NFS4ERR_ACCESS,       NFS4ERR_EXIST,       NFS4ERR_XDEV,
    NFS4ERR_NOTDIR,  NFS4ERR_ISDIR,        NFS4ERR_INVAL,       NFS4ERR_NOSPC,
    NFS4ERR_ROFS,    NFS4ERR_MLINK,        NFS4ERR_NAMETOOLONG, NFS4ERR_DQUOT,
    NFS4ERR_STALE,   NFS4ERR_SYMLINK,      NFS4ERR_WRONG_TYPE,  NFS4ERR_BADNAME,
    NFS4ERR_NOTSUPP, NFS4ERR_NOFILEHANDLE, NFS4ERR_FILE_OPEN};
constexpr nfsstat4 kLock[] = {NFS4ERR_ACCESS,      NFS4ERR_ISDIR,        NFS4ERR_INVAL,
                              NFS4ERR_ROFS,        NFS4ERR_STALE,        NFS4ERR_SYMLINK,
                              NFS4ERR_WRONG_TYPE,  NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID,
                              NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED,      NFS4ERR_OPENMODE,
                              NFS4ERR_DENIED,      NFS4ERR_LOCK_RANGE,   NFS4ERR_BAD_RANGE,
                              NFS4ERR_DEADLOCK,    NFS4ERR_NO_GRACE,     NFS4ERR_RECLAIM_BAD};
constexpr nfsstat4 kLockt[] = {NFS4ERR_ACCESS,     NFS4ERR_ISDIR,        NFS4ERR_INVAL,
                               NFS4ERR_ROFS,       NFS4ERR_STALE,        NFS4ERR_SYMLINK,
                               NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE, NFS4ERR_DENIED,
                               NFS4ERR_LOCK_RANGE, NFS4ERR_BAD_RANGE};
constexpr nfsstat4 kLocku[] = {NFS4ERR_ACCESS,       NFS4ERR_INVAL,       NFS4ERR_STALE,
                               NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID,
                               NFS4ERR_EXPIRED,      NFS4ERR_LOCK_RANGE,  NFS4ERR_BAD_RANGE};
constexpr nfsstat4 kLookup[] = {
    NFS4ERR_NOENT,       NFS4ERR_IO,    NFS4ERR_ACCESS,  NFS4ERR_NOTDIR,  NFS4ERR_INVAL,
    NFS4ERR_NAMETOOLONG, NFS4ERR_STALE, NFS4ERR_SYMLINK, NFS4ERR_BADNAME, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kLookupp[] = {NFS4ERR_NOENT,       NFS4ERR_IO,    NFS4ERR_ACCESS,
                                 NFS4ERR_NOTDIR,      NFS4ERR_STALE, NFS4ERR_SYMLINK,
                                 NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kNverify[] = {NFS4ERR_IO,    NFS4ERR_ACCESS,     NFS4ERR_INVAL,
                                 NFS4ERR_STALE, NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kOpen[] = {
    NFS4ERR_PERM,    NFS4ERR_NOENT,        NFS4ERR_IO,          NFS4ERR_ACCESS,
    NFS4ERR_EXIST,   NFS4ERR_NOTDIR,       NFS4ERR_ISDIR,       NFS4ERR_INVAL,
    NFS4ERR_FBIG,    NFS4ERR_NOSPC,        NFS4ERR_ROFS,        NFS4ERR_NAMETOOLONG,
    NFS4ERR_DQUOT,   NFS4ERR_STALE,        NFS4ERR_SYMLINK,     NFS4ERR_WRONG_TYPE,
    NFS4ERR_BADNAME, NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID,
    NFS4ERR_EXPIRED, NFS4ERR_SHARE_DENIED, NFS4ERR_NO_GRACE,    NFS4ERR_RECLAIM_BAD};
constexpr nfsstat4 kOpenDowngrade[] = {
    NFS4ERR_INVAL,       NFS4ERR_ROFS,        NFS4ERR_STALE,  NFS4ERR_NOFILEHANDLE,
    NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED};
constexpr nfsstat4 kPutfh[] = {NFS4ERR_STALE};
constexpr nfsstat4 kRead[] = {NFS4ERR_IO,          NFS4ERR_ACCESS,       NFS4ERR_ISDIR,
                              NFS4ERR_INVAL,       NFS4ERR_STALE,        NFS4ERR_SYMLINK,
                              NFS4ERR_WRONG_TYPE,  NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID,
                              NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED,      NFS4ERR_LOCKED,
                              NFS4ERR_OPENMODE};
constexpr nfsstat4 kReaddir[] = {NFS4ERR_IO,           NFS4ERR_ACCESS,  NFS4ERR_NOTDIR,
                                 NFS4ERR_INVAL,        NFS4ERR_STALE,   NFS4ERR_BAD_COOKIE,
                                 NFS4ERR_NOFILEHANDLE, NFS4ERR_NOT_SAME};
constexpr nfsstat4 kReadlink[] = {NFS4ERR_IO,    NFS4ERR_ACCESS,     NFS4ERR_INVAL,
                                  NFS4ERR_STALE, NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kRemove[] = {NFS4ERR_NOENT,       NFS4ERR_IO,           NFS4ERR_ACCESS,
                                NFS4ERR_NOTDIR,      NFS4ERR_INVAL,        NFS4ERR_ROFS,
                                NFS4ERR_NAMETOOLONG, NFS4ERR_NOTEMPTY,     NFS4ERR_STALE,
                                NFS4ERR_BADNAME,     NFS4ERR_NOFILEHANDLE, NFS4ERR_FILE_OPEN};
constexpr nfsstat4 kRename[] = {
    NFS4ERR_NOENT,        NFS4ERR_IO,       NFS4ERR_ACCESS, NFS4ERR_EXIST, NFS4ERR_XDEV,
    NFS4ERR_NOTDIR,       NFS4ERR_INVAL,    NFS4ERR_NOSPC,  NFS4ERR_ROFS,  NFS4ERR_MLINK,
    NFS4ERR_NAMETOOLONG,  NFS4ERR_NOTEMPTY, NFS4ERR_DQUOT,  NFS4ERR_STALE, NFS4ERR_BADNAME,
    NFS4ERR_NOFILEHANDLE, NFS4ERR_FILE_OPEN};
constexpr nfsstat4 kRestorefh[] = {NFS4ERR_STALE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kSavefh[] = {NFS4ERR_STALE, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kSecinfo[] = {NFS4ERR_NOENT,   NFS4ERR_ACCESS,      NFS4ERR_NOTDIR,
                                 NFS4ERR_INVAL,   NFS4ERR_NAMETOOLONG, NFS4ERR_STALE,
                                 NFS4ERR_BADNAME, NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kSetattr[] = {
    NFS4ERR_PERM,        NFS4ERR_IO,         NFS4ERR_ACCESS,       NFS4ERR_INVAL,
    NFS4ERR_FBIG,        NFS4ERR_NOSPC,      NFS4ERR_ROFS,         NFS4ERR_DQUOT,
    NFS4ERR_STALE,       NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE, NFS4ERR_BAD_STATEID,
    NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED,    NFS4ERR_LOCKED,       NFS4ERR_OPENMODE};
constexpr nfsstat4 kVerify[] = {NFS4ERR_IO,      NFS4ERR_ACCESS,     NFS4ERR_INVAL,
                                NFS4ERR_STALE,   NFS4ERR_WRONG_TYPE, NFS4ERR_NOFILEHANDLE,
                                NFS4ERR_NOT_SAME};
constexpr nfsstat4 kWrite[] = {NFS4ERR_IO,          NFS4ERR_ACCESS,      NFS4ERR_ISDIR,
                               NFS4ERR_INVAL,       NFS4ERR_FBIG,        NFS4ERR_NOSPC,
                               NFS4ERR_ROFS,        NFS4ERR_DQUOT,       NFS4ERR_STALE,
                               NFS4ERR_SYMLINK,     NFS4ERR_WRONG_TYPE,  NFS4ERR_NOFILEHANDLE,
                               NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_EXPIRED,
                               NFS4ERR_LOCKED,      NFS4ERR_OPENMODE};
constexpr nfsstat4 kBindConnToSession[] = {NFS4ERR_INVAL, NFS4ERR_BADSESSION};
constexpr nfsstat4 kExchangeId[] = {NFS4ERR_NOENT, NFS4ERR_INVAL, NFS4ERR_CLID_INUSE,
                                    NFS4ERR_NOT_SAME, NFS4ERR_ENCR_ALG_UNSUPP};
constexpr nfsstat4 kCreateSession[] = {NFS4ERR_NOENT,      NFS4ERR_INVAL,
                                       NFS4ERR_NOSPC,      NFS4ERR_STALE_CLIENTID,
                                       NFS4ERR_CLID_INUSE, NFS4ERR_SEQ_MISORDERED};
constexpr nfsstat4 kDestroySession[] = {NFS4ERR_STALE_CLIENTID, NFS4ERR_BADSESSION};
constexpr nfsstat4 kFreeStateid[] = {NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_LOCKS_HELD};
constexpr nfsstat4 kSecinfoNoName[] = {NFS4ERR_NOENT,       NFS4ERR_ACCESS, NFS4ERR_NOTDIR,
                                       NFS4ERR_INVAL,       NFS4ERR_STALE,  NFS4ERR_NOTSUPP,
                                       NFS4ERR_NOFILEHANDLE};
constexpr nfsstat4 kSequence[] = {NFS4ERR_BADSESSION, NFS4ERR_SEQ_MISORDERED,
                                  NFS4ERR_SEQ_FALSE_RETRY};
constexpr nfsstat4 kDestroyClientid[] = {NFS4ERR_STALE_CLIENTID, NFS4ERR_CLIENTID_BUSY};
constexpr nfsstat4 kReclaimComplete[] = {NFS4ERR_INVAL, NFS4ERR_STALE, NFS4ERR_WRONG_TYPE,
                                         NFS4ERR_NOFILEHANDLE, NFS4ERR_COMPLETE_ALREADY};

struct ListedStatuses {
  nfs_opnum4 operation;
  std::span<const nfsstat4> statuses;
};

constexpr ListedStatuses kListed[] = {
    {OP_ACCESS, kAccess},
    {OP_CLOSE, kClose},
    {OP_COMMIT, kCommit},
    {OP_CREATE, kCreate},
    {OP_GETATTR, kGetattr},
    {OP_GETFH, kGetfh},
    {OP_LINK, kLink},
    {OP_LOCK, kLock},
    {OP_LOCKT, kLockt},
    {OP_LOCKU, kLocku},
    {OP_LOOKUP, kLookup},
    {OP_LOOKUPP, kLookupp},
    {OP_NVERIFY, kNverify},
    {OP_OPEN, kOpen},
    {OP_OPEN_DOWNGRADE, kOpenDowngrade},
    {OP_PUTFH, kPutfh},
    {OP_PUTPUBFH, {}},
    {OP_PUTROOTFH, {}},
    {OP_READ, kRead},
    {OP_READDIR, kReaddir},
    {OP_READLINK, kReadlink},
    {OP_REMOVE, kRemove},
    {OP_RENAME, kRename},
    {OP_RESTOREFH, kRestorefh},
    {OP_SAVEFH, kSavefh},
    {OP_SECINFO, kSecinfo},
    {OP_SETATTR, kSetattr},
    {OP_VERIFY, kVerify},
    {OP_WRITE, kWrite},
    {OP_BIND_CONN_TO_SESSION, kBindConnToSession},
    {OP_EXCHANGE_ID, kExchangeId},
    {OP_CREATE_SESSION, kCreateSession},
    {OP_DESTROY_SESSION, kDestroySession},
    {OP_FREE_STATEID, kFreeStateid},
    {OP_SECINFO_NO_NAME, kSecinfoNoName},
    {OP_SEQUENCE, kSequence},
    {OP_TEST_STATEID, {}},
    {OP_DESTROY_CLIENTID, kDestroyClientid},
    {OP_RECLAIM_COMPLETE, kReclaimComplete},
};

// Where a status is not listed, the next one to try. Leads to NFS4ERR_SERVERFAULT in the end.
struct Nearest {
  nfsstat4 from;
  nfsstat4 to;
};

constexpr Nearest kNearest[] = {
    // The session went away, or this slot moved on at another front-end, between SEQUENCE and here.
    {NFS4ERR_BADSESSION, NFS4ERR_DEADSESSION},
    {NFS4ERR_STALE_CLIENTID, NFS4ERR_DEADSESSION},
    {NFS4ERR_SEQ_MISORDERED, NFS4ERR_RETRY_UNCACHED_REP},
    {NFS4ERR_SEQ_FALSE_RETRY, NFS4ERR_RETRY_UNCACHED_REP},
    {NFS4ERR_PERM, NFS4ERR_ACCESS},  // REMOVE and RENAME below a sticky directory
    {NFS4ERR_ROFS, NFS4ERR_ACCESS},
    {NFS4ERR_SYMLINK, NFS4ERR_NOTDIR},
    {NFS4ERR_WRONG_TYPE, NFS4ERR_NOTDIR},
    {NFS4ERR_NOTDIR, NFS4ERR_INVAL},
    {NFS4ERR_ISDIR, NFS4ERR_EXIST},  // RENAME of a file over a directory, RFC 8881 18.26.3
    {NFS4ERR_EXIST, NFS4ERR_INVAL},
    {NFS4ERR_SHARE_DENIED, NFS4ERR_LOCKED},
    {NFS4ERR_LOCKED, NFS4ERR_FILE_OPEN},
    {NFS4ERR_NOTSUPP, NFS4ERR_INVAL},
    {NFS4ERR_FBIG, NFS4ERR_INVAL},
    {NFS4ERR_BADNAME, NFS4ERR_INVAL},
    {NFS4ERR_NAMETOOLONG, NFS4ERR_INVAL},
    {NFS4ERR_OLD_STATEID, NFS4ERR_BAD_STATEID},
    {NFS4ERR_EXPIRED, NFS4ERR_BAD_STATEID},
    {NFS4ERR_OPENMODE, NFS4ERR_ACCESS},
    {NFS4ERR_DQUOT, NFS4ERR_NOSPC},  // CREATE_SESSION
    {NFS4ERR_NOENT, NFS4ERR_STALE},
};

bool IsListed(std::span<const nfsstat4> statuses, nfsstat4 status) {
  switch (status) {
    case NFS4_OK:
    case NFS4ERR_DELAY:
    case NFS4ERR_DEADSESSION:
    case NFS4ERR_RETRY_UNCACHED_REP:
    case NFS4ERR_SERVERFAULT:
      return true;
    default:
      return std::ranges::find(statuses, status) != statuses.end();
  }
}

}  // namespace

nfsstat4 ToWireStatus(pb::FsError error) {
  if (error == pb::FS_OK) return NFS4_OK;
  const auto* plain = std::ranges::find(kPlain, error, &PlainStatus::error);
  return plain == std::end(kPlain) ? NFS4ERR_SERVERFAULT : plain->status;
}

nfsstat4 ToWireStatus(pb::FsError error, nfs_opnum4 operation) {
  nfsstat4 status = ToWireStatus(error);
  if (status == NFS4_OK) return status;
  const auto* listed = std::ranges::find(kListed, operation, &ListedStatuses::operation);
  if (listed == std::end(kListed)) return status;
  while (!IsListed(listed->statuses, status)) {
    const auto* nearest = std::ranges::find(kNearest, status, &Nearest::from);
    status = nearest == std::end(kNearest) ? NFS4ERR_SERVERFAULT : nearest->to;
  }
  return status;
}

}  // namespace openefs::nfs4
