#include "server/nfs4/compound_decoder.h"

#include <algorithm>

#include "common/limits.h"
#include "server/nfs4/operation_table.h"

namespace openefs::nfs4 {
namespace {

DecodedOperation Undecodable(uint32_t opcode, nfsstat4 status) { return {opcode, status, nullptr}; }

DecodedOperation DecodeOperation(xdr::Reader& reader) {
  const uint32_t opcode = reader.U32();
  if (!reader.ok()) return Undecodable(OP_ILLEGAL, NFS4ERR_BADXDR);
  const TableEntry* entry = FindOperation(opcode);
  if (entry == nullptr) {
    const nfsstat4 status = UnservedStatus(opcode);
    // RFC 8881 18.52: the result of an opcode nobody knows is that of OP_ILLEGAL.
    return Undecodable(status == NFS4ERR_OP_ILLEGAL ? uint32_t{OP_ILLEGAL} : opcode, status);
  }
  std::unique_ptr<Operation> operation = entry->decode(reader);
  if (!reader.ok() || operation == nullptr) return Undecodable(opcode, NFS4ERR_BADXDR);
  return {opcode, NFS4_OK, std::move(operation)};
}

}  // namespace

uint64_t DecodedCompound::Fingerprint() const {
  // FNV-1a over the opcodes. Collisions only hide a client's mistake.
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](uint32_t value) { hash = (hash ^ value) * 0x100000001b3; };
  mix(declared_operations);
  for (const DecodedOperation& operation : operations) mix(operation.opcode);
  return hash;
}

std::optional<DecodedCompound> DecodeCompound(Buffer arguments) {
  xdr::Reader reader(std::move(arguments));
  DecodedCompound compound;
  compound.tag = reader.Opaque(NFS4_OPAQUE_LIMIT);
  compound.minor_version = reader.U32();
  compound.declared_operations = reader.U32();
  if (!reader.ok()) return std::nullopt;
  if (compound.minor_version != 1) return compound;
  const uint32_t count = std::min(compound.declared_operations, kMaxOperations);
  for (uint32_t i = 0; i < count; ++i) {
    compound.operations.push_back(DecodeOperation(reader));
    if (compound.operations.back().status != NFS4_OK) break;
  }
  return compound;
}

}  // namespace openefs::nfs4
