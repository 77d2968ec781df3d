// What a segment must be before anything is done with it. Peers are other roles of the cluster, but
// a broken or hostile one must not get further than this.
#pragma once

#include "absl/status/status.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

// 64 operations with 16 KiB of inline data each, and names and attributes beside.
inline constexpr size_t kMaxSegmentBytes = size_t{2} << 20;

// INVALID_ARGUMENT in one line, or OK. `bytes` is the request's size.
absl::Status CheckRequest(const pb::SegmentRequest& request, size_t bytes);

// RENEW_LEASES and DATA_NODE_HEARTBEAT are answered from the leader's memory and travel alone.
bool IsLeaderMemoryCall(const pb::SegmentRequest& request);

// Whether it changes nothing and takes no longer than handing it to another thread would.
bool IsSmallRead(const pb::SegmentRequest& request);

}  // namespace openefs::metadata
