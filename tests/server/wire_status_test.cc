#include "server/nfs4/wire_status.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace openefs::nfs4 {
namespace {

// Names of the statuses that ToWireStatus can give, as they stand in rfc8881_errors.txt.
const std::map<nfsstat4, std::string>& StatusNames() {
  static const std::map<nfsstat4, std::string> names = {
#define S(name) {NFS4ERR_##name, #name},
      S(PERM) S(NOENT) S(IO) S(ACCESS) S(EXIST) S(XDEV) S(NOTDIR) S(ISDIR) S(INVAL) S(FBIG) S(NOSPC)
          S(ROFS) S(MLINK) S(NAMETOOLONG) S(NOTEMPTY) S(DQUOT) S(STALE) S(SYMLINK) S(WRONG_TYPE)
              S(BADTYPE) S(BADNAME) S(BAD_COOKIE) S(NOTSUPP) S(NOFILEHANDLE) S(BAD_STATEID)
                  S(OLD_STATEID) S(EXPIRED) S(SHARE_DENIED) S(LOCKED) S(FILE_OPEN) S(OPENMODE)
                      S(DENIED) S(LOCK_RANGE) S(BAD_RANGE) S(DEADLOCK) S(LOCKS_HELD) S(NO_GRACE)
                          S(RECLAIM_BAD) S(STALE_CLIENTID) S(CLID_INUSE) S(CLIENTID_BUSY)
                              S(BADSESSION) S(DEADSESSION) S(SEQ_MISORDERED) S(SEQ_FALSE_RETRY)
                                  S(RETRY_UNCACHED_REP) S(COMPLETE_ALREADY) S(NOT_SAME)
                                      S(ENCR_ALG_UNSUPP) S(DELAY) S(SERVERFAULT)
#undef S
  };
  return names;
}

const std::map<std::string, nfs_opnum4>& Opcodes() {
  static const std::map<std::string, nfs_opnum4> opcodes = {
#define O(name) {#name, OP_##name},
      O(ACCESS) O(CLOSE) O(COMMIT) O(CREATE) O(GETATTR) O(GETFH) O(LINK) O(LOCK) O(LOCKT) O(LOCKU)
          O(LOOKUP) O(LOOKUPP) O(NVERIFY) O(OPEN) O(OPEN_DOWNGRADE) O(PUTFH) O(PUTPUBFH)
              O(PUTROOTFH) O(READ) O(READDIR) O(READLINK) O(REMOVE) O(RENAME) O(RESTOREFH) O(SAVEFH)
                  O(SECINFO) O(SETATTR) O(VERIFY) O(WRITE) O(BIND_CONN_TO_SESSION) O(EXCHANGE_ID)
                      O(CREATE_SESSION) O(DESTROY_SESSION) O(FREE_STATEID) O(SECINFO_NO_NAME)
                          O(SEQUENCE) O(TEST_STATEID) O(DESTROY_CLIENTID) O(RECLAIM_COMPLETE)
#undef O
  };
  return opcodes;
}

std::map<std::string, std::set<std::string>> ReadTable() {
  std::ifstream file(OPENEFS_SOURCE_DIR "/tests/server/ops/rfc8881_errors.txt");
  REQUIRE(file.good());
  std::map<std::string, std::set<std::string>> table;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string operation;
    std::string word;
    words >> operation;
    while (words >> word) table[operation].insert(word);
  }
  return table;
}

TEST_CASE("wire status: every answer is one RFC 8881 15.2 lists for the operation") {
  const auto table = ReadTable();
  REQUIRE(table.size() == Opcodes().size());
  for (const auto& [name, opcode] : Opcodes()) {
    const std::set<std::string>& listed = table.at(name);
    for (int error = pb::FsError_MIN; error <= pb::FsError_MAX; ++error) {
      if (!pb::FsError_IsValid(error) || error == pb::FS_OK) continue;
      const nfsstat4 status = ToWireStatus(static_cast<pb::FsError>(error), opcode);
      INFO(name << ": " << pb::FsError_Name(static_cast<pb::FsError>(error)) << " -> " << status);
      REQUIRE(StatusNames().contains(status));
      // The two that wire_status.h allows itself everywhere.
      if (status == NFS4ERR_DELAY || status == NFS4ERR_SERVERFAULT) continue;
      // GETFH alone lists nothing that is true of a session that has gone.
      const bool session_gone =
          status == NFS4ERR_DEADSESSION || status == NFS4ERR_RETRY_UNCACHED_REP;
      if (opcode == OP_GETFH && session_gone) continue;
      CHECK(listed.contains(StatusNames().at(status)));
    }
  }
}

TEST_CASE("wire status: every error has a plain status of its own") {
  for (int error = pb::FsError_MIN; error <= pb::FsError_MAX; ++error) {
    if (!pb::FsError_IsValid(error) || error == pb::FS_SERVERFAULT) continue;
    INFO(pb::FsError_Name(static_cast<pb::FsError>(error)));
    CHECK(ToWireStatus(static_cast<pb::FsError>(error)) != NFS4ERR_SERVERFAULT);
  }
  CHECK(ToWireStatus(pb::FS_OK) == NFS4_OK);
  CHECK(ToWireStatus(static_cast<pb::FsError>(9999)) == NFS4ERR_SERVERFAULT);
}

TEST_CASE("wire status: what depends on the operation") {
  CHECK(ToWireStatus(pb::FS_SHARE_DENIED, OP_OPEN) == NFS4ERR_SHARE_DENIED);
  CHECK(ToWireStatus(pb::FS_SHARE_DENIED, OP_READ) == NFS4ERR_LOCKED);
  CHECK(ToWireStatus(pb::FS_SHARE_DENIED, OP_WRITE) == NFS4ERR_LOCKED);
  CHECK(ToWireStatus(pb::FS_SHARE_DENIED, OP_SETATTR) == NFS4ERR_LOCKED);
  CHECK(ToWireStatus(pb::FS_SHARE_DENIED, OP_REMOVE) == NFS4ERR_FILE_OPEN);
  CHECK(ToWireStatus(pb::FS_PERM, OP_SETATTR) == NFS4ERR_PERM);
  CHECK(ToWireStatus(pb::FS_PERM, OP_REMOVE) == NFS4ERR_ACCESS);
  CHECK(ToWireStatus(pb::FS_SYMLINK, OP_LOOKUP) == NFS4ERR_SYMLINK);
  CHECK(ToWireStatus(pb::FS_SYMLINK, OP_READDIR) == NFS4ERR_NOTDIR);
  CHECK(ToWireStatus(pb::FS_SYMLINK, OP_SETATTR) == NFS4ERR_INVAL);
  CHECK(ToWireStatus(pb::FS_ISDIR, OP_RENAME) == NFS4ERR_EXIST);
  CHECK(ToWireStatus(pb::FS_ISDIR, OP_SETATTR) == NFS4ERR_INVAL);
  CHECK(ToWireStatus(pb::FS_RESOURCE, OP_OPEN) == NFS4ERR_DQUOT);
  CHECK(ToWireStatus(pb::FS_RESOURCE, OP_CREATE_SESSION) == NFS4ERR_NOSPC);
  CHECK(ToWireStatus(pb::FS_BADSESSION, OP_SEQUENCE) == NFS4ERR_BADSESSION);
  CHECK(ToWireStatus(pb::FS_BADSESSION, OP_WRITE) == NFS4ERR_DEADSESSION);
  CHECK(ToWireStatus(pb::FS_NO_CURRENT_FILE, OP_GETATTR) == NFS4ERR_NOFILEHANDLE);
  CHECK(ToWireStatus(pb::FS_DELAY, OP_GETFH) == NFS4ERR_DELAY);
}

}  // namespace
}  // namespace openefs::nfs4
