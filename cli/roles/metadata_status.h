// What one metadata node says of itself.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/metadata.pb.h"

namespace openefs::rpc {
class Channel;
}  // namespace openefs::rpc

namespace openefs::cli {

// UNAVAILABLE or DEADLINE_EXCEEDED: it does not answer within timeout_ms.
absl::StatusOr<pb::MetadataNodeStatus> AskMetadataNode(rpc::Channel& channel,
                                                       int64_t timeout_ms = 2'000);

}  // namespace openefs::cli
