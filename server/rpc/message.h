// ONC RPC messages (RFC 5531) without their arguments and results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/limits.h"
#include "proto/common.pb.h"

namespace openefs::rpc {

// A record is one RPC message: the largest WRITE and room for what is around it.
inline constexpr uint32_t kMaxRecordBytes = kMaxIoBytes + (64u << 10);

// xid, REPLY, MSG_ACCEPTED, an empty verifier, accept_stat.
inline constexpr uint32_t kReplyHeaderBytes = 6 * 4;

inline constexpr uint32_t kAuthNone = 0;
inline constexpr uint32_t kAuthSys = 1;
inline constexpr uint32_t kRpcsecGss = 6;
inline constexpr uint32_t kMaxMachineNameBytes = 255;

// Who comes with AUTH_NONE.
inline constexpr uint32_t kNobody = 65534;

struct CallHeader {
  uint32_t xid = 0;
  uint32_t program = 0;
  uint32_t version = 0;
  uint32_t procedure = 0;
  pb::Credentials credentials;
  size_t arguments_at = 0;  // where the arguments begin in the record
};

enum class CallFault {
  kNone,
  kMalformed,       // not a call, or not readable: there is nobody to answer
  kRpcMismatch,     // RPC_MISMATCH
  kBadCredentials,  // AUTH_BADCRED
  kTooWeak,         // AUTH_TOOWEAK: a flavor we do not take
};

// Reads the header of one record. With any fault but kMalformed the xid is set.
CallFault DecodeCall(std::string_view record, CallHeader* call);

enum class AcceptStatus : uint32_t {
  kSuccess = 0,
  kProgramUnavailable = 1,
  kProgramMismatch = 2,
  kProcedureUnavailable = 3,
  kGarbageArguments = 4,
  kSystemError = 5,
};

// The whole reply, but for its record mark and, after kSuccess, the results. kProgramMismatch says
// that `version` is the only one there is.
std::string EncodeAccepted(uint32_t xid, AcceptStatus status, uint32_t version);

// MSG_DENIED for a fault other than kNone and kMalformed.
std::string EncodeDenied(uint32_t xid, CallFault fault);

}  // namespace openefs::rpc
