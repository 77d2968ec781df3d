#include "tests/server/support/nfs_client.h"

#include <memory>

#include "common/check.h"

namespace openefs::testing {

using namespace nfs4;  // the wire's names

namespace {

void WriteChannel(xdr::Writer& writer, uint32_t max_response_bytes, uint32_t max_cached_bytes,
                  uint32_t max_operations, uint32_t slots) {
  writer.U32(0);
  writer.U32((1 << 20) + 1024);
  writer.U32(max_response_bytes);
  writer.U32(max_cached_bytes);
  writer.U32(max_operations);
  writer.U32(slots);
  writer.U32(0);
}

// fattr4 with a mode alone.
void WriteMode(xdr::Writer& writer, uint32_t mode) {
  writer.U32(2);
  writer.U32(0);
  writer.U32(1u << (FATTR4_MODE - 32));
  writer.U32(4);
  writer.U32(mode);
}

bool HasNoBody(uint32_t opcode) {
  return opcode == OP_PUTROOTFH || opcode == OP_PUTFH || opcode == OP_LOOKUP ||
         opcode == OP_SAVEFH || opcode == OP_RESTOREFH || opcode == OP_LOOKUPP;
}

}  // namespace

Compound& Compound::Op(uint32_t opcode, const Arguments& arguments) {
  xdr::Writer writer;
  writer.U32(opcode);
  if (arguments) arguments(writer);
  operations_ += BytesOf(writer);
  ++count_;
  return *this;
}

Compound& Compound::Sequence(std::string_view session, uint32_t slot, uint32_t sequence_id,
                             bool cache_this) {
  return Op(OP_SEQUENCE, [&](xdr::Writer& writer) {
    writer.FixedOpaque(session);
    writer.U32(sequence_id);
    writer.U32(slot);
    writer.U32(slot);
    writer.Bool(cache_this);
  });
}

Compound& Compound::PutFh(std::string_view handle) {
  return Op(OP_PUTFH, [&](xdr::Writer& writer) { writer.Opaque(handle); });
}

Compound& Compound::Lookup(std::string_view name) {
  return Op(OP_LOOKUP, [&](xdr::Writer& writer) { writer.Opaque(name); });
}

Compound& Compound::Remove(std::string_view name) {
  return Op(OP_REMOVE, [&](xdr::Writer& writer) { writer.Opaque(name); });
}

Compound& Compound::MakeDirectory(std::string_view name) {
  return Op(OP_CREATE, [&](xdr::Writer& writer) {
    writer.U32(NF4DIR);
    writer.Opaque(name);
    WriteMode(writer, 0755);
  });
}

Compound& Compound::GetAttr(const std::vector<uint32_t>& attributes) {
  return Op(OP_GETATTR, [&](xdr::Writer& writer) {
    uint32_t words[3] = {};
    for (const uint32_t attribute : attributes) words[attribute / 32] |= 1u << (attribute % 32);
    writer.U32(3);
    for (const uint32_t word : words) writer.U32(word);
  });
}

Compound& Compound::OpenCreate(uint64_t client_id, std::string_view owner, std::string_view name) {
  return Op(OP_OPEN, [&](xdr::Writer& writer) {
    writer.U32(0);  // seqid: unused in 4.1
    writer.U32(OPEN4_SHARE_ACCESS_BOTH);
    writer.U32(OPEN4_SHARE_DENY_NONE);
    writer.U64(client_id);
    writer.Opaque(owner);
    writer.U32(OPEN4_CREATE);
    writer.U32(UNCHECKED4);
    WriteMode(writer, 0644);
    writer.U32(CLAIM_NULL);
    writer.Opaque(name);
  });
}

Compound& Compound::Close(std::string_view stateid) {
  return Op(OP_CLOSE, [&](xdr::Writer& writer) {
    writer.U32(0);
    writer.FixedOpaque(stateid);
  });
}

Compound& Compound::Read(std::string_view stateid, uint64_t offset, uint32_t count) {
  return Op(OP_READ, [&](xdr::Writer& writer) {
    writer.FixedOpaque(stateid);
    writer.U64(offset);
    writer.U32(count);
  });
}

Compound& Compound::Write(std::string_view stateid, uint64_t offset, std::string_view data) {
  return Op(OP_WRITE, [&](xdr::Writer& writer) {
    writer.FixedOpaque(stateid);
    writer.U64(offset);
    writer.U32(FILE_SYNC4);
    writer.Opaque(data);
  });
}

Compound& Compound::DeclareOperations(uint32_t count) {
  declared_ = count;
  return *this;
}

std::string Compound::Build() const {
  xdr::Writer writer;
  writer.Opaque(tag_);
  writer.U32(minor_version_);
  writer.U32(declared_.value_or(count_));
  return BytesOf(writer) + operations_;
}

CompoundReply::CompoundReply(std::string bytes) : results(Buffer::FromString(std::move(bytes))) {
  status = static_cast<nfsstat4>(results.U32());
  tag = results.Opaque(NFS4_OPAQUE_LIMIT);
  count = results.U32();
  OPENEFS_CHECK(results.ok());
}

nfsstat4 CompoundReply::Next(uint32_t opcode) {
  OPENEFS_CHECK(results.U32() == opcode);
  const auto result = static_cast<nfsstat4>(results.U32());
  OPENEFS_CHECK(results.ok());
  return result;
}

void CompoundReply::SkipTo(uint32_t opcode) {
  for (;;) {
    const uint32_t at = results.U32();
    const uint32_t result = results.U32();
    OPENEFS_CHECK(results.ok() && result == NFS4_OK);
    if (at == opcode) return;
    if (at == OP_SEQUENCE) {
      results.FixedOpaque(NFS4_SESSIONID_SIZE);
      for (int i = 0; i < 5; ++i) results.U32();
    } else {
      OPENEFS_CHECK(HasNoBody(at));
    }
  }
}

NfsClient::NfsClient(uint16_t port, const std::string& address) { Reconnect(port, address); }

void NfsClient::Reconnect(uint16_t port, const std::string& address) {
  rpc_ = std::make_unique<RpcClient>(port, address);
}

void NfsClient::Send(const Compound& compound) {
  OPENEFS_CHECK(
      rpc_->SendRecord(rpc_->Call(kNfsProgram, kNfsVersion, kProcCompound, compound.Build())));
}

CompoundReply NfsClient::Receive() {
  std::optional<std::string> record = rpc_->ReceiveRecord();
  OPENEFS_CHECK(record.has_value());
  xdr::Reader header(Buffer::Copy(*record));
  header.U32();                      // xid
  OPENEFS_CHECK(header.U32() == 1);  // REPLY
  OPENEFS_CHECK(header.U32() == 0);  // MSG_ACCEPTED
  header.U32();
  header.Opaque(400);
  OPENEFS_CHECK(header.U32() == 0);  // SUCCESS
  return CompoundReply(record->substr(header.position()));
}

CompoundReply NfsClient::Run(const Compound& compound) {
  Send(compound);
  return Receive();
}

Compound NfsClient::ExchangeId(const std::string& owner, uint64_t verifier) const {
  Compound compound;
  compound.Op(OP_EXCHANGE_ID, [&](xdr::Writer& writer) {
    writer.U64(verifier);
    writer.Opaque(owner);
    writer.U32(0);
    writer.U32(SP4_NONE);
    writer.U32(0);
  });
  return compound;
}

Compound NfsClient::CreateSession(uint32_t max_response_bytes, uint32_t max_cached_bytes,
                                  uint32_t max_operations, uint32_t slots) const {
  Compound compound;
  compound.Op(OP_CREATE_SESSION, [&](xdr::Writer& writer) {
    writer.U64(client_id);
    writer.U32(create_sequence_id);
    writer.U32(0);
    WriteChannel(writer, max_response_bytes, max_cached_bytes, max_operations, slots);
    WriteChannel(writer, 4096, 0, 2, 1);
    writer.U32(0x40000000);
    writer.U32(1);
    writer.U32(0);  // AUTH_NONE
  });
  return compound;
}

void NfsClient::Mount(const std::string& owner) {
  CompoundReply exchanged = Run(ExchangeId(owner, 1));
  OPENEFS_CHECK(exchanged.Next(OP_EXCHANGE_ID) == NFS4_OK);
  client_id = exchanged.results.U64();
  create_sequence_id = exchanged.results.U32();
  CompoundReply created = Run(CreateSession());
  OPENEFS_CHECK(created.Next(OP_CREATE_SESSION) == NFS4_OK);
  session_id = created.results.FixedOpaque(NFS4_SESSIONID_SIZE);
  sequence_ids.assign(64, 0);
  ++create_sequence_id;
  const CompoundReply complete =
      Run(InSession().Op(OP_RECLAIM_COMPLETE, [](xdr::Writer& writer) { writer.Bool(false); }));
  OPENEFS_CHECK(complete.status == NFS4_OK);
}

Compound NfsClient::InSession(uint32_t slot, bool cache_this) {
  ++sequence_ids.at(slot);
  return Again(slot, cache_this);
}

Compound NfsClient::Again(uint32_t slot, bool cache_this) const {
  Compound compound;
  compound.Sequence(session_id, slot, sequence_ids.at(slot), cache_this);
  return compound;
}

}  // namespace openefs::testing
