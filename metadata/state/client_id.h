// What client and session ids mean. Any front-end can tell from them which Raft group to ask.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

inline constexpr size_t kSessionIdBytes = 16;  // NFS4_SESSIONID_SIZE

// clientid4: group (16 bits), then a counter (48 bits) that begins at a random number, so that ids
// of a cluster that was formatted anew do not meet those of the old one.
inline constexpr int kClientCounterBits = 48;

constexpr uint32_t GroupOfClient(uint64_t client_id) {
  return static_cast<uint32_t>(client_id >> kClientCounterBits);
}

// sessionid4: client id, then 64 random bits.
inline std::string MakeSessionId(uint64_t client_id, uint64_t random) {
  return EncodeU64(client_id) + EncodeU64(random);
}

// 0 for what cannot be a session id.
inline uint64_t ClientOfSession(absl::string_view session_id) {
  return session_id.size() == kSessionIdBytes ? KeyReader(session_id).U64() : 0;
}

}  // namespace openefs::metadata
