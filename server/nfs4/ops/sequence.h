// SEQUENCE (RFC 8881 18.46). The COMPOUND driver runs it where it may stand, as the first
// operation; its arguments are here for it.
#pragma once

#include <cstdint>
#include <string>

#include "server/nfs4/operation.h"
#include "server/nfs4/session_table.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

struct SequenceArguments {
  std::string session_id;
  uint32_t sequence_id = 0;
  uint32_t slot = 0;
  uint32_t highest_slot = 0;
  bool cache_this = false;
};

// `operation` came out of the decoder for OP_SEQUENCE.
const SequenceArguments& SequenceArgumentsOf(const Operation& operation);

// The whole result of a SEQUENCE that went well, opcode and status included.
void EncodeSequenceResult(const SequenceArguments& arguments, const Session& session,
                          xdr::Writer& reply);

}  // namespace openefs::nfs4
