// One COMPOUND (RFC 8881 16.2) from its arguments to its results: which operations may stand where,
// the slot of its session, and the operations themselves (compound_runner.h).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>

#include "common/buffer.h"
#include "proto/common.pb.h"
#include "server/nfs4/session_table.h"

namespace openefs::nfs4 {

class Services;

struct CompoundCall {
  Buffer arguments;  // COMPOUND4args
  pb::Credentials credentials;
  uint64_t connection_id = 0;  // unique in the process, never 0
  size_t record_bytes = 0;     // of the whole RPC message, for NFS4ERR_REQ_TOO_BIG
};

// The COMPOUND4res, or null if not even the header of the arguments could be read (GARBAGE_ARGS).
// Runs to its end whatever becomes of the connection.
boost::asio::awaitable<ReplyBody> RunCompound(Services& services, CompoundCall call);

}  // namespace openefs::nfs4
