#include "server/rpc/message.h"

#include <rpc/types.h>
//
#include <rpc/auth.h>
#include <rpc/auth_unix.h>
#include <rpc/rpc_msg.h>
#include <rpc/xdr.h>

#include <array>

#include "server/xdr/xdr.h"

namespace openefs::rpc {
namespace {

static_assert(kAuthNone == AUTH_NONE && kAuthSys == AUTH_SYS);
static_assert(kMaxMachineNameBytes == MAX_MACHINE_NAME && kMaxGroups == NGRPS);
static_assert(static_cast<int>(AcceptStatus::kSystemError) == SYSTEM_ERR);
static_assert(static_cast<int>(AcceptStatus::kGarbageArguments) == GARBAGE_ARGS);
static_assert(static_cast<int>(AcceptStatus::kProcedureUnavailable) == PROC_UNAVAIL);

// libtirpc decodes from memory that it does not write to.
void OpenForDecode(std::string_view bytes, XDR* xdr) {
  xdrmem_create(xdr, const_cast<char*>(bytes.data()), static_cast<u_int>(bytes.size()), XDR_DECODE);
}

bool DecodeAuthSys(std::string_view body, pb::Credentials* credentials) {
  std::array<char, MAX_MACHINE_NAME + 1> machine_name;
  std::array<gid_t, NGRPS> gids;
  authunix_parms parameters = {};
  parameters.aup_machname = machine_name.data();  // decoded in place: libtirpc allocates nothing
  parameters.aup_gids = gids.data();
  XDR xdr;
  OpenForDecode(body, &xdr);
  if (!xdr_authunix_parms(&xdr, &parameters)) return false;
  credentials->set_uid(parameters.aup_uid);
  credentials->set_gid(parameters.aup_gid);
  for (u_int i = 0; i < parameters.aup_len; ++i) credentials->add_gids(gids[i]);
  return true;
}

CallFault DecodeCredentials(const opaque_auth& auth, pb::Credentials* credentials) {
  switch (auth.oa_flavor) {
    case AUTH_NONE:
      credentials->set_uid(kNobody);
      credentials->set_gid(kNobody);
      return CallFault::kNone;
    case AUTH_SYS:
      return DecodeAuthSys({auth.oa_base, auth.oa_length}, credentials)
                 ? CallFault::kNone
                 : CallFault::kBadCredentials;
    default:
      return CallFault::kTooWeak;
  }
}

void EncodeReply(xdr::Writer& writer, uint32_t xid, uint32_t stat) {
  writer.U32(xid);
  writer.U32(REPLY);
  writer.U32(stat);
}

std::string TakeBytes(xdr::Writer& writer) {
  std::string bytes;
  for (const Buffer& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

}  // namespace

CallFault DecodeCall(std::string_view record, CallHeader* call) {
  // libtirpc gives up on a wrong version without saying so: look ahead.
  xdr::Reader ahead(Buffer(nullptr, record.data(), record.size()));
  call->xid = ahead.U32();
  const uint32_t direction = ahead.U32();
  const uint32_t rpc_version = ahead.U32();
  if (!ahead.ok() || direction != CALL) return CallFault::kMalformed;
  if (rpc_version != RPC_MSG_VERSION) return CallFault::kRpcMismatch;

  std::array<char, MAX_AUTH_BYTES> credentials;
  std::array<char, MAX_AUTH_BYTES> verifier;
  rpc_msg message = {};
  message.rm_call.cb_cred.oa_base = credentials.data();
  message.rm_call.cb_verf.oa_base = verifier.data();
  XDR xdr;
  OpenForDecode(record, &xdr);
  if (!xdr_callmsg(&xdr, &message)) return CallFault::kMalformed;
  call->program = static_cast<uint32_t>(message.rm_call.cb_prog);
  call->version = static_cast<uint32_t>(message.rm_call.cb_vers);
  call->procedure = static_cast<uint32_t>(message.rm_call.cb_proc);
  call->arguments_at = xdr_getpos(&xdr);
  return DecodeCredentials(message.rm_call.cb_cred, &call->credentials);
}

std::string EncodeAccepted(uint32_t xid, AcceptStatus status, uint32_t version) {
  xdr::Writer writer;
  EncodeReply(writer, xid, MSG_ACCEPTED);
  writer.U32(AUTH_NONE);
  writer.U32(0);
  writer.U32(static_cast<uint32_t>(status));
  if (status == AcceptStatus::kProgramMismatch) {
    writer.U32(version);
    writer.U32(version);
  }
  return TakeBytes(writer);
}

std::string EncodeDenied(uint32_t xid, CallFault fault) {
  xdr::Writer writer;
  EncodeReply(writer, xid, MSG_DENIED);
  if (fault == CallFault::kRpcMismatch) {
    writer.U32(RPC_MISMATCH);
    writer.U32(RPC_MSG_VERSION);
    writer.U32(RPC_MSG_VERSION);
  } else {
    writer.U32(AUTH_ERROR);
    writer.U32(fault == CallFault::kTooWeak ? AUTH_TOOWEAK : AUTH_BADCRED);
  }
  return TakeBytes(writer);
}

}  // namespace openefs::rpc
