// COMPOUND4args (RFC 8881 16.2.3) from hostile bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/buffer.h"
#include "server/nfs4/operation.h"

namespace openefs::nfs4 {

struct DecodedOperation {
  uint32_t opcode = OP_ILLEGAL;  // as the result repeats it
  nfsstat4 status = NFS4_OK;     // anything else: it cannot run, and nothing behind it was decoded
  std::unique_ptr<Operation> operation;  // null unless NFS4_OK
};

struct DecodedCompound {
  std::string tag;
  uint32_t minor_version = 0;
  uint32_t declared_operations = 0;  // what the client says there are
  // Up to the first that cannot be decoded, and at most kMaxOperations.
  std::vector<DecodedOperation> operations;

  // Differs, nearly always, for requests of different shape: RFC 8881 2.10.6.1.3.1. Two requests
  // with the same operations look the same, because a client may build a retry anew.
  uint64_t Fingerprint() const;
};

// Nothing: not even the header can be read.
std::optional<DecodedCompound> DecodeCompound(Buffer arguments);

}  // namespace openefs::nfs4
