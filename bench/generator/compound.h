// COMPOUNDs (RFC 8881 16.2) as a client writes and reads them. A Request is the operations behind
// SEQUENCE, which the session puts before them each time it sends; so a request can be sent again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/buffer.h"
#include "proto/nfs4.h"
#include "server/xdr/xdr.h"

namespace openefs::bench {

// What a request is counted as in the report: its main operation.
enum class CallKind : uint8_t {
  kAccess,
  kClose,
  kCommit,
  kCreate,
  kGetattr,
  kLock,
  kLocku,
  kLookup,
  kOpen,
  kRead,
  kReaddir,
  kRemove,
  kRename,
  kWrite,
  kSession,  // SEQUENCE alone, EXCHANGE_ID and the like
};
inline constexpr int kCallKinds = static_cast<int>(CallKind::kSession) + 1;
const char* NameOf(CallKind kind);

// "NFS4ERR_NOENT", or the number of one that has no name here.
std::string NameOf(nfs4::nfsstat4 status);

// stateid4 as on the wire.
using Stateid = std::string;
using FileHandle = std::string;

struct OpenHow {
  uint32_t access = nfs4::OPEN4_SHARE_ACCESS_BOTH;
  bool create = false;
  bool guarded = false;   // with create: fail if it is there
  bool truncate = false;  // with create and not guarded: size 0
};

// An operation of a COMPOUND request, one after the other. Names as in RFC 8881 section 18.
class Request {
 public:
  explicit Request(CallKind kind) : kind_(kind) {}

  Request& PutRootFh();
  Request& PutFh(std::string_view handle);
  Request& GetFh();
  Request& SaveFh();
  Request& Lookup(std::string_view name);
  Request& Access(uint32_t access);
  Request& GetAttr(std::initializer_list<uint32_t> attributes);
  Request& ReadDir(uint64_t cookie, uint64_t verifier, uint32_t max_bytes,
                   std::initializer_list<uint32_t> attributes);
  // CREATE of a directory with mode 0755.
  Request& MakeDirectory(std::string_view name);
  Request& Remove(std::string_view name);
  // From the saved directory to the current one.
  Request& Rename(std::string_view from, std::string_view to);
  // CLAIM_NULL below the current directory; no delegation wanted.
  Request& Open(uint64_t client_id, std::string_view owner, std::string_view name,
                const OpenHow& how);
  Request& Close(std::string_view stateid);
  Request& Read(std::string_view stateid, uint64_t offset, uint32_t count);
  Request& Write(std::string_view stateid, uint64_t offset, uint32_t stable, BufferList data);
  Request& Commit(uint64_t offset, uint32_t count);
  // WRITE_LT of a new lock owner, under an open's stateid.
  Request& Lock(uint64_t client_id, std::string_view owner, std::string_view open_stateid,
                uint64_t offset, uint64_t length);
  // WRITE_LT of a lock owner whose lock stateid is known.
  Request& LockAgain(std::string_view lock_stateid, uint64_t offset, uint64_t length);
  Request& Unlock(std::string_view lock_stateid, uint64_t offset, uint64_t length);
  Request& ReclaimComplete();
  Request& ExchangeId(std::string_view owner, uint64_t verifier);
  Request& CreateSession(uint64_t client_id, uint32_t sequence_id, uint32_t slots,
                         uint32_t max_bytes);
  Request& BindConnection(std::string_view session_id);
  Request& DestroySession(std::string_view session_id);
  Request& DestroyClientId(uint64_t client_id);

  // The server keeps the reply for a retry (sa_cachethis): for what must not be done twice.
  Request& Cached() {
    cached_ = true;
    return *this;
  }

  // No more operations after this; the pieces may be sent any number of times.
  void Seal();

  CallKind kind() const { return kind_; }
  bool cached() const { return cached_; }
  uint32_t operations() const { return operations_; }
  const BufferList& pieces() const { return pieces_; }  // after Seal

 private:
  xdr::Writer& Op(nfs4::nfs_opnum4 opcode);

  CallKind kind_;
  bool cached_ = false;
  uint32_t operations_ = 0;
  xdr::Writer writer_;
  BufferList pieces_;
};

// What a session says in front of a request's operations.
struct SequenceHeader {
  std::string_view session_id;
  uint32_t sequence_id = 0;
  uint32_t slot = 0;
  uint32_t highest_slot = 0;
};

// Everything of a CALL message (RFC 5531 section 9) up to the operations of `request`: record mark,
// header, COMPOUND4args, and SEQUENCE if `sequence` is given. `credentials` from AuthSys().
std::string EncodeCallHeader(uint32_t xid, std::string_view credentials, const Request& request,
                             const SequenceHeader* sequence);

// opaque_auth of AUTH_SYS (RFC 5531 appendix A) with an empty verifier behind it.
std::string AuthSys(uint32_t uid, uint32_t gid, std::string_view machine);

// The results of one COMPOUND, read in order. Reading what is not there makes it malformed, which
// one asks once at the end: Status().
class Reply {
 public:
  Reply() = default;
  // No answer came, or it was none: `error` says why.
  explicit Reply(absl::Status error) : error_(std::move(error)) {}
  // `results` stands at COMPOUND4res.
  explicit Reply(xdr::Reader results);

  // NFS4_OK: all operations went well. Only if answered().
  nfs4::nfsstat4 status() const { return status_; }
  bool answered() const { return error_.ok(); }
  bool ok() const { return error_.ok() && status_ == nfs4::NFS4_OK; }
  const absl::Status& error() const { return error_; }

  // The request may have been executed before, too: the session was lost in between, so what it
  // finds done already may be its own doing.
  bool maybe_repeated() const { return maybe_repeated_; }
  void set_maybe_repeated() { maybe_repeated_ = true; }

  // Passes the opcode and status of the next result; its body follows. The status is NFS4_OK for
  // all but the last of a reply that is not ok().
  nfs4::nfsstat4 Next(nfs4::nfs_opnum4 opcode);
  // Passes results without a body.
  Reply& Skip(std::initializer_list<nfs4::nfs_opnum4> opcodes);
  xdr::Reader& body() { return results_; }

  // Why not ok, or malformed, or OK. `what` names the call in the message.
  absl::Status Status(std::string_view what) const;

 private:
  absl::Status error_;
  nfs4::nfsstat4 status_ = nfs4::NFS4_OK;
  bool maybe_repeated_ = false;
  xdr::Reader results_{Buffer()};
};

// Bodies that several operations share.
void SkipChangeInfo(xdr::Reader& reader);
void SkipBitmap(xdr::Reader& reader);

}  // namespace openefs::bench
