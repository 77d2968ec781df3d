#include "tests/bench/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "proto/nfs4.h"
#include "server/rpc/message.h"
#include "server/rpc/record_assembler.h"

namespace openefs::bench {

using namespace nfs4;

namespace {

constexpr uint32_t kSlots = 4;

std::string BytesOf(xdr::Writer& writer) {
  std::string bytes;
  for (const Buffer& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

// COMPOUND4res with these results.
std::string Compound(uint32_t status, uint32_t count, const std::string& results) {
  xdr::Writer writer;
  writer.U32(status);
  writer.Opaque("");
  writer.U32(count);
  return BytesOf(writer) + results;
}

void WriteChannel(xdr::Writer& writer) {
  for (const uint32_t value : {0u, 65536u, 65536u, 4096u, 16u, kSlots, 0u}) writer.U32(value);
}

}  // namespace

ScriptedServer::ScriptedServer() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  OPENEFS_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  OPENEFS_CHECK(::listen(listener_, 8) == 0);
  socklen_t size = sizeof at;
  OPENEFS_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void ScriptedServer::Script(std::deque<Fault> faults) {
  MutexLock lock(mu_);
  faults_ = std::move(faults);
}

ScriptedServer::Counts ScriptedServer::counts() {
  MutexLock lock(mu_);
  Counts counts = counts_;
  counts.script_over = faults_.empty();
  return counts;
}

void ScriptedServer::Serve() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    {
      MutexLock lock(mu_);
      ++counts_.connections;
    }
    ServeConnection(socket);
    ::close(socket);
  }
}

void ScriptedServer::ServeConnection(int socket) {
  rpc::RecordAssembler assembler(1 << 20);
  for (;;) {
    const std::span<char> space = assembler.Space();
    const ssize_t got = ::recv(socket, space.data(), space.size(), 0);
    if (got <= 0) return;
    assembler.Received(static_cast<size_t>(got));
    while (std::optional<Buffer> record = assembler.Next()) {
      const std::string reply = Answer(std::string(record->view()));
      if (reply.empty()) return;
      const uint32_t mark = htonl(0x80000000u | static_cast<uint32_t>(reply.size()));
      std::string bytes(reinterpret_cast<const char*>(&mark), sizeof mark);
      bytes += reply;
      if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) <= 0) return;
    }
  }
}

std::string ScriptedServer::Answer(const std::string& record) {
  rpc::CallHeader call;
  OPENEFS_CHECK(rpc::DecodeCall(record, &call) == rpc::CallFault::kNone);
  xdr::Reader arguments(Buffer::Copy(record.substr(call.arguments_at)));
  arguments.Opaque(1024);
  arguments.U32();
  const uint32_t operations = arguments.U32();
  const uint32_t opcode = arguments.U32();
  std::string results;
  switch (opcode) {
    case OP_EXCHANGE_ID:
      results = ExchangeId();
      break;
    case OP_CREATE_SESSION:
      results = CreateSession(arguments);
      break;
    case OP_BIND_CONN_TO_SESSION: {
      connection_forgotten_ = false;
      MutexLock lock(mu_);
      ++counts_.bound;
      results = Result(NFS4_OK, opcode);
      break;
    }
    case OP_SEQUENCE:
      results = InSession(arguments, operations);
      break;
    default:
      results = Result(NFS4_OK, opcode);
  }
  if (results.empty()) return {};
  return rpc::EncodeAccepted(call.xid, rpc::AcceptStatus::kSuccess, kNfsVersion) + results;
}

std::string ScriptedServer::Result(uint32_t status, uint32_t opcode, const std::string& before) {
  xdr::Writer writer;
  writer.U32(opcode);
  writer.U32(status);
  return Compound(status, before.empty() ? 1 : 2, before + BytesOf(writer));
}

std::string ScriptedServer::ExchangeId() {
  ++client_id_;
  create_sequence_id_ = 1;
  client_forgotten_ = false;
  {
    MutexLock lock(mu_);
    ++counts_.clients;
  }
  xdr::Writer writer;
  writer.U32(OP_EXCHANGE_ID);
  writer.U32(NFS4_OK);
  writer.U64(client_id_);
  writer.U32(create_sequence_id_);
  writer.U32(0);
  writer.U32(SP4_NONE);
  return Compound(NFS4_OK, 1, BytesOf(writer));
}

std::string ScriptedServer::CreateSession(xdr::Reader& arguments) {
  const uint64_t client_id = arguments.U64();
  const uint32_t sequence_id = arguments.U32();
  if (client_forgotten_ || client_id != client_id_) {
    return Result(NFS4ERR_STALE_CLIENTID, OP_CREATE_SESSION);
  }
  if (sequence_id != create_sequence_id_) return Result(NFS4ERR_SEQ_MISORDERED, OP_CREATE_SESSION);
  ++create_sequence_id_;
  slots_.clear();
  MutexLock lock(mu_);
  session_ = "session " + std::to_string(10'000'000 + ++counts_.sessions);
  xdr::Writer writer;
  writer.U32(OP_CREATE_SESSION);
  writer.U32(NFS4_OK);
  writer.FixedOpaque(session_);
  writer.U32(sequence_id);
  writer.U32(0);
  WriteChannel(writer);
  WriteChannel(writer);
  return Compound(NFS4_OK, 1, BytesOf(writer));
}

Fault ScriptedServer::NextFault(uint32_t opcode) {
  MutexLock lock(mu_);
  if (opcode == OP_RECLAIM_COMPLETE || faults_.empty()) return Fault::kNone;
  const Fault fault = faults_.front();
  faults_.pop_front();
  return fault;
}

std::string ScriptedServer::InSession(xdr::Reader& arguments, uint32_t operations) {
  const std::string session(arguments.FixedOpaque(NFS4_SESSIONID_SIZE));
  const uint32_t sequence_id = arguments.U32();
  const uint32_t number = arguments.U32();
  arguments.U32();
  arguments.Bool();
  const uint32_t opcode = operations > 1 ? arguments.U32() : 0;
  if (session != session_) return Result(NFS4ERR_BADSESSION, OP_SEQUENCE);
  if (connection_forgotten_) return Result(NFS4ERR_CONN_NOT_BOUND_TO_SESSION, OP_SEQUENCE);
  Slot& slot = slots_[number];
  if (number >= kSlots ||
      (sequence_id != slot.sequence_id && sequence_id != slot.sequence_id + 1)) {
    MutexLock lock(mu_);
    ++counts_.misordered;
    return Result(NFS4ERR_SEQ_MISORDERED, OP_SEQUENCE);
  }
  xdr::Writer writer;
  writer.U32(OP_SEQUENCE);
  writer.U32(NFS4_OK);
  writer.FixedOpaque(session_);
  for (const uint32_t value : {sequence_id, number, kSlots - 1, kSlots - 1, 0u}) writer.U32(value);
  const std::string sequence_result = BytesOf(writer);
  if (sequence_id == slot.sequence_id) {
    MutexLock lock(mu_);
    ++counts_.replayed;
    if (slot.reply.empty()) return Result(NFS4ERR_RETRY_UNCACHED_REP, opcode, sequence_result);
    return slot.reply;
  }
  const Fault fault = NextFault(opcode);
  if (fault == Fault::kDropUnexecuted) return {};
  if (fault == Fault::kDelaySequence) return Result(NFS4ERR_DELAY, OP_SEQUENCE);
  slot.sequence_id = sequence_id;
  return Execute(fault, slot, sequence_result, opcode);
}

std::string ScriptedServer::Execute(Fault fault, Slot& slot, const std::string& sequence_result,
                                    uint32_t opcode) {
  switch (fault) {
    case Fault::kDelayOperation:
      return slot.reply = Result(NFS4ERR_DELAY, opcode, sequence_result);
    case Fault::kGraceOperation:
      return slot.reply = Result(NFS4ERR_GRACE, opcode, sequence_result);
    case Fault::kForgetClient:
      client_forgotten_ = true;
      session_ = "none";
      return Result(NFS4ERR_BADSESSION, OP_SEQUENCE);
    case Fault::kForgetSession:
      session_ = "none";
      return Result(NFS4ERR_BADSESSION, OP_SEQUENCE);
    case Fault::kForgetConnection:
      connection_forgotten_ = true;
      --slot.sequence_id;
      return Result(NFS4ERR_CONN_NOT_BOUND_TO_SESSION, OP_SEQUENCE);
    case Fault::kGarbage:
      return "\xff\xff";
    default:
      break;
  }
  {
    MutexLock lock(mu_);
    counts_.executed += opcode != OP_RECLAIM_COMPLETE;
  }
  slot.reply = Result(NFS4_OK, opcode, sequence_result);
  const std::string reply = slot.reply;
  if (fault == Fault::kForgetReply) slot.reply.clear();
  return fault == Fault::kDropUnanswered || fault == Fault::kForgetReply ? std::string() : reply;
}

}  // namespace openefs::bench
