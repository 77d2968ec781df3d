// Limits that more than one folder must agree on. Those of one folder stand in that folder.
#pragma once

#include <cstdint>

namespace openefs {

// The largest READ and WRITE, and so the largest blob a client's write makes. Linux asks for 1 MiB.
inline constexpr uint32_t kMaxIoBytes = 1u << 20;

// Writes up to here travel inside the Raft entry: one round trip, one fsync, three AZs.
inline constexpr uint32_t kInlineBytes = 16u << 10;

inline constexpr uint32_t kMaxNameBytes = 255;                 // as EFS and POSIX NAME_MAX
inline constexpr uint32_t kMaxSymlinkBytes = 4080;             // as EFS
inline constexpr uint32_t kMaxLinks = 65'000;                  // EFS stops at 177
inline constexpr uint64_t kMaxFileBytes = 52'673'613'135'872;  // 47.9 TiB, as EFS
inline constexpr uint32_t kMaxGroups = 16;                     // AUTH_SYS, RFC 5531 appendix A
inline constexpr uint32_t kMaxSlots = 64;                      // per session: Linux asks for 64
inline constexpr uint32_t kMaxOperations = 64;                 // in one COMPOUND

// A blob that no entry refers to this long after its creation is garbage; a commit that comes
// later than half of it is refused, so the two never meet.
inline constexpr uint64_t kBlobOrphanMs = 2 * 60 * 60 * 1000;

}  // namespace openefs
