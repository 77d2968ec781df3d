#include "bench/generator/compound.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "server/rpc/message.h"

namespace openefs::bench {

using namespace nfs4;  // the wire's names

namespace {

constexpr uint32_t kLastFragmentBit = 0x80000000;
constexpr uint32_t kWantNoDelegation = 0x0400;  // OPEN4_SHARE_ACCESS_WANT_NO_DELEG
constexpr uint32_t kMinorVersion = 1;
constexpr uint32_t kMaxBitmapWords = 8;  // attributes have three words; some to come

void WriteBitmap(xdr::Writer& writer, std::initializer_list<uint32_t> numbers) {
  uint32_t words[3] = {};
  uint32_t used = 0;
  for (const uint32_t number : numbers) {
    words[number / 32] |= 1u << number % 32;
    used = std::max(used, number / 32 + 1);
  }
  writer.U32(used);
  for (uint32_t i = 0; i < used; ++i) writer.U32(words[i]);
}

void WriteMode(xdr::Writer& writer, uint32_t mode) {
  WriteBitmap(writer, {FATTR4_MODE});
  writer.U32(4);
  writer.U32(mode);
}

// createattrs of a new file: its mode, and size 0 for one that may be there already.
void WriteCreateAttributes(xdr::Writer& writer, bool truncate) {
  if (!truncate) return WriteMode(writer, 0644);
  WriteBitmap(writer, {FATTR4_SIZE, FATTR4_MODE});
  writer.U32(12);
  writer.U64(0);
  writer.U32(0644);
}

// channel_attrs4 (RFC 8881 18.36.1)
void WriteChannel(xdr::Writer& writer, uint32_t max_bytes, uint32_t cached_bytes,
                  uint32_t operations, uint32_t slots) {
  writer.U32(0);  // headerpadsize
  writer.U32(max_bytes);
  writer.U32(max_bytes);
  writer.U32(cached_bytes);
  writer.U32(operations);
  writer.U32(slots);
  writer.U32(0);  // no RDMA
}

std::string TakeBytes(xdr::Writer& writer) {
  std::string bytes;
  for (const Buffer& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

}  // namespace

xdr::Writer& Request::Op(nfs_opnum4 opcode) {
  ++operations_;
  writer_.U32(opcode);
  return writer_;
}

Request& Request::PutRootFh() {
  Op(OP_PUTROOTFH);
  return *this;
}

Request& Request::PutFh(std::string_view handle) {
  Op(OP_PUTFH).Opaque(handle);
  return *this;
}

Request& Request::GetFh() {
  Op(OP_GETFH);
  return *this;
}

Request& Request::SaveFh() {
  Op(OP_SAVEFH);
  return *this;
}

Request& Request::Lookup(std::string_view name) {
  Op(OP_LOOKUP).Opaque(name);
  return *this;
}

Request& Request::Access(uint32_t access) {
  Op(OP_ACCESS).U32(access);
  return *this;
}

Request& Request::GetAttr(std::initializer_list<uint32_t> attributes) {
  WriteBitmap(Op(OP_GETATTR), attributes);
  return *this;
}

Request& Request::ReadDir(uint64_t cookie, uint64_t verifier, uint32_t max_bytes,
                          std::initializer_list<uint32_t> attributes) {
  xdr::Writer& writer = Op(OP_READDIR);
  writer.U64(cookie);
  writer.U64(verifier);
  writer.U32(max_bytes / 4);  // dircount is a hint for names alone
  writer.U32(max_bytes);
  WriteBitmap(writer, attributes);
  return *this;
}

Request& Request::MakeDirectory(std::string_view name) {
  xdr::Writer& writer = Op(OP_CREATE);
  writer.U32(NF4DIR);
  writer.Opaque(name);
  WriteMode(writer, 0755);
  return *this;
}

Request& Request::Remove(std::string_view name) {
  Op(OP_REMOVE).Opaque(name);
  return *this;
}

Request& Request::Rename(std::string_view from, std::string_view to) {
  xdr::Writer& writer = Op(OP_RENAME);
  writer.Opaque(from);
  writer.Opaque(to);
  return *this;
}

Request& Request::Open(uint64_t client_id, std::string_view owner, std::string_view name,
                       const OpenHow& how) {
  xdr::Writer& writer = Op(OP_OPEN);
  writer.U32(0);  // seqid: unused in 4.1
  writer.U32(how.access | kWantNoDelegation);
  writer.U32(OPEN4_SHARE_DENY_NONE);
  writer.U64(client_id);
  writer.Opaque(owner);
  writer.U32(how.create ? OPEN4_CREATE : OPEN4_NOCREATE);
  if (how.create) {
    writer.U32(how.guarded ? GUARDED4 : UNCHECKED4);
    WriteCreateAttributes(writer, how.truncate && !how.guarded);
  }
  writer.U32(CLAIM_NULL);
  writer.Opaque(name);
  return *this;
}

Request& Request::Close(std::string_view stateid) {
  xdr::Writer& writer = Op(OP_CLOSE);
  writer.U32(0);  // seqid
  writer.FixedOpaque(stateid);
  return *this;
}

Request& Request::Read(std::string_view stateid, uint64_t offset, uint32_t count) {
  xdr::Writer& writer = Op(OP_READ);
  writer.FixedOpaque(stateid);
  writer.U64(offset);
  writer.U32(count);
  return *this;
}

Request& Request::Write(std::string_view stateid, uint64_t offset, uint32_t stable,
                        BufferList data) {
  xdr::Writer& writer = Op(OP_WRITE);
  writer.FixedOpaque(stateid);
  writer.U64(offset);
  writer.U32(stable);
  writer.OpaqueBuffers(std::move(data));
  return *this;
}

Request& Request::Commit(uint64_t offset, uint32_t count) {
  xdr::Writer& writer = Op(OP_COMMIT);
  writer.U64(offset);
  writer.U32(count);
  return *this;
}

Request& Request::Lock(uint64_t client_id, std::string_view owner, std::string_view open_stateid,
                       uint64_t offset, uint64_t length) {
  xdr::Writer& writer = Op(OP_LOCK);
  writer.U32(WRITE_LT);
  writer.Bool(false);  // no reclaim
  writer.U64(offset);
  writer.U64(length);
  writer.Bool(true);  // a new lock owner
  writer.U32(0);      // seqid
  writer.FixedOpaque(open_stateid);
  writer.U32(0);
  writer.U64(client_id);
  writer.Opaque(owner);
  return *this;
}

Request& Request::LockAgain(std::string_view lock_stateid, uint64_t offset, uint64_t length) {
  xdr::Writer& writer = Op(OP_LOCK);
  writer.U32(WRITE_LT);
  writer.Bool(false);
  writer.U64(offset);
  writer.U64(length);
  writer.Bool(false);
  writer.FixedOpaque(lock_stateid);
  writer.U32(0);
  return *this;
}

Request& Request::Unlock(std::string_view lock_stateid, uint64_t offset, uint64_t length) {
  xdr::Writer& writer = Op(OP_LOCKU);
  writer.U32(WRITE_LT);
  writer.U32(0);
  writer.FixedOpaque(lock_stateid);
  writer.U64(offset);
  writer.U64(length);
  return *this;
}

Request& Request::ReclaimComplete() {
  Op(OP_RECLAIM_COMPLETE).Bool(false);
  return *this;
}

Request& Request::ExchangeId(std::string_view owner, uint64_t verifier) {
  xdr::Writer& writer = Op(OP_EXCHANGE_ID);
  writer.U64(verifier);
  writer.Opaque(owner);
  writer.U32(0);  // flags
  writer.U32(SP4_NONE);
  writer.U32(0);  // no implementation id
  return *this;
}

Request& Request::CreateSession(uint64_t client_id, uint32_t sequence_id, uint32_t slots,
                                uint32_t max_bytes) {
  constexpr uint32_t kCachedBytes = 4096;  // the replies that are cached have no file data
  constexpr uint32_t kOperations = 64;
  xdr::Writer& writer = Op(OP_CREATE_SESSION);
  writer.U64(client_id);
  writer.U32(sequence_id);
  writer.U32(0);  // flags: neither persistent nor a back channel
  WriteChannel(writer, max_bytes, kCachedBytes, kOperations, slots);
  WriteChannel(writer, 4096, 0, 2, 1);
  writer.U32(0x40000000);  // callback program
  writer.U32(1);           // one way to come back:
  writer.U32(rpc::kAuthNone);
  return *this;
}

Request& Request::BindConnection(std::string_view session_id) {
  xdr::Writer& writer = Op(OP_BIND_CONN_TO_SESSION);
  writer.FixedOpaque(session_id);
  writer.U32(CDFC4_FORE);
  writer.Bool(false);
  return *this;
}

Request& Request::DestroySession(std::string_view session_id) {
  Op(OP_DESTROY_SESSION).FixedOpaque(session_id);
  return *this;
}

Request& Request::DestroyClientId(uint64_t client_id) {
  Op(OP_DESTROY_CLIENTID).U64(client_id);
  return *this;
}

void Request::Seal() {
  if (pieces_.empty()) pieces_ = writer_.Finish();
}

std::string EncodeCallHeader(uint32_t xid, std::string_view credentials, const Request& request,
                             const SequenceHeader* sequence) {
  xdr::Writer writer;
  const size_t mark = writer.ReserveU32();
  writer.U32(xid);
  writer.U32(0);  // CALL
  writer.U32(2);  // RPC version
  writer.U32(kNfsProgram);
  writer.U32(kNfsVersion);
  writer.U32(kProcCompound);
  writer.FixedOpaque(credentials);
  writer.Opaque("");  // tag
  writer.U32(kMinorVersion);
  writer.U32(request.operations() + (sequence != nullptr ? 1 : 0));
  if (sequence != nullptr) {
    writer.U32(OP_SEQUENCE);
    writer.FixedOpaque(sequence->session_id);
    writer.U32(sequence->sequence_id);
    writer.U32(sequence->slot);
    writer.U32(sequence->highest_slot);
    writer.Bool(request.cached());
  }
  const size_t record = writer.size() - 4 + TotalBytes(request.pieces());
  OPENEFS_CHECK(record < kLastFragmentBit);
  writer.PatchU32(mark, static_cast<uint32_t>(record) | kLastFragmentBit);
  return TakeBytes(writer);
}

std::string AuthSys(uint32_t uid, uint32_t gid, std::string_view machine) {
  xdr::Writer body;
  body.U32(0);  // stamp
  body.Opaque(machine.substr(0, rpc::kMaxMachineNameBytes));
  body.U32(uid);
  body.U32(gid);
  body.U32(0);  // no further groups
  xdr::Writer writer;
  writer.U32(rpc::kAuthSys);
  writer.Opaque(TakeBytes(body));
  writer.U32(rpc::kAuthNone);
  writer.Opaque("");
  return TakeBytes(writer);
}

Reply::Reply(xdr::Reader results) : results_(std::move(results)) {
  status_ = static_cast<nfsstat4>(results_.U32());
  results_.Opaque(NFS4_OPAQUE_LIMIT);  // tag
  results_.U32();                      // number of results
  if (!results_.ok()) error_ = absl::DataLossError("a reply that is not COMPOUND4res");
}

nfsstat4 Reply::Next(nfs_opnum4 opcode) {
  if (results_.U32() != opcode) results_.Fail();
  const auto status = static_cast<nfsstat4>(results_.U32());
  return results_.ok() ? status : NFS4ERR_BADXDR;
}

Reply& Reply::Skip(std::initializer_list<nfs_opnum4> opcodes) {
  for (const nfs_opnum4 opcode : opcodes) Next(opcode);
  return *this;
}

absl::Status Reply::Status(std::string_view what) const {
  if (!error_.ok()) return error_;
  const absl::string_view name(what.data(), what.size());
  const std::string message = absl::StrCat(name, ": ", NameOf(status_));
  if (status_ == NFS4ERR_NOENT) return absl::NotFoundError(message);
  if (status_ == NFS4ERR_EXIST) return absl::AlreadyExistsError(message);
  if (status_ != NFS4_OK) return absl::FailedPreconditionError(message);
  if (!results_.ok()) return absl::DataLossError(absl::StrCat(name, ": malformed reply"));
  return absl::OkStatus();
}

void SkipChangeInfo(xdr::Reader& reader) {
  reader.Bool();
  reader.U64();
  reader.U64();
}

void SkipBitmap(xdr::Reader& reader) {
  const uint32_t words = reader.ArrayLength(kMaxBitmapWords, 4);
  for (uint32_t i = 0; i < words; ++i) reader.U32();
}

}  // namespace openefs::bench
