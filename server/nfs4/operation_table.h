// Every NFS operation this server has, by opcode. Adding one touches its own file in
// server/nfs4/ops/, which ends with OPENEFS_NFS_OPERATION(Lookup), and one line of the list in
// operation_table.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "server/nfs4/operation.h"

namespace openefs::nfs4 {

struct TableEntry {
  const OperationInfo* info = nullptr;
  std::unique_ptr<Operation> (*decode)(xdr::Reader&) = nullptr;
};

template <NfsOperation T>
constexpr TableEntry TableEntryOf() {
  return {&T::kInfo, &T::Decode};
}

// Defines the entry of class Name (which may be local to its file) for the list. Use it inside
// namespace openefs::nfs4.
#define OPENEFS_NFS_OPERATION(Name)       \
  extern const TableEntry k##Name##Entry; \
  constinit const TableEntry k##Name##Entry = TableEntryOf<Name>()

// Null for an opcode that is not served: see UnservedStatus.
const TableEntry* FindOperation(uint32_t opcode);

// NFS4ERR_NOTSUPP for an opcode of RFC 8881 (those of 4.0 that 4.1 must not use among them),
// NFS4ERR_OP_ILLEGAL for any other.
nfsstat4 UnservedStatus(uint32_t opcode);

}  // namespace openefs::nfs4
