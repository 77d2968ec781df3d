#include "server/nfs4/operation_table.h"

#include <array>

#include "common/check.h"

// One line per operation, by opcode.
#define OPENEFS_NFS_OPERATIONS(X) \
  X(Access)                       \
  X(Close)                        \
  X(Commit)                       \
  X(Create)                       \
  X(GetAttr)                      \
  X(GetFh)                        \
  X(Link)                         \
  X(Lock)                         \
  X(LockT)                        \
  X(LockU)                        \
  X(Lookup)                       \
  X(LookupP)                      \
  X(NVerify)                      \
  X(Open)                         \
  X(OpenDowngrade)                \
  X(PutFh)                        \
  X(PutPubFh)                     \
  X(PutRootFh)                    \
  X(Read)                         \
  X(ReadDir)                      \
  X(ReadLink)                     \
  X(Remove)                       \
  X(Rename)                       \
  X(RestoreFh)                    \
  X(SaveFh)                       \
  X(Secinfo)                      \
  X(SetAttr)                      \
  X(Verify)                       \
  X(Write)                        \
  X(BackchannelCtl)               \
  X(BindConnToSession)            \
  X(ExchangeId)                   \
  X(CreateSession)                \
  X(DestroySession)               \
  X(FreeStateid)                  \
  X(SecinfoNoName)                \
  X(Sequence)                     \
  X(TestStateid)                  \
  X(DestroyClientId)              \
  X(ReclaimComplete)

namespace openefs::nfs4 {

#define X(Name) extern const TableEntry k##Name##Entry;
OPENEFS_NFS_OPERATIONS(X)
#undef X

namespace {

constexpr uint32_t kFirstOpcode = OP_ACCESS;
constexpr uint32_t kLastOpcode = OP_RECLAIM_COMPLETE;  // of minor version 1

#define X(Name) &k##Name##Entry,
constexpr const TableEntry* kEntries[] = {OPENEFS_NFS_OPERATIONS(X)};
#undef X

using ByOpcode = std::array<const TableEntry*, kLastOpcode + 1>;

ByOpcode FoldEntries() {
  ByOpcode table{};
  for (const TableEntry* entry : kEntries) {
    const uint32_t opcode = entry->info->opcode;
    OPENEFS_CHECK(opcode >= kFirstOpcode && opcode <= kLastOpcode);
    OPENEFS_CHECK(table[opcode] == nullptr);
    table[opcode] = entry;
  }
  return table;
}

}  // namespace

const TableEntry* FindOperation(uint32_t opcode) {
  static const ByOpcode table = FoldEntries();
  return opcode <= kLastOpcode ? table[opcode] : nullptr;
}

nfsstat4 UnservedStatus(uint32_t opcode) {
  const bool known = opcode >= kFirstOpcode && opcode <= kLastOpcode;
  return known ? NFS4ERR_NOTSUPP : NFS4ERR_OP_ILLEGAL;
}

}  // namespace openefs::nfs4
