// How far repair is: what the queues of blobs with missing fragments hold.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "metadata/client/metadata_client.h"
#include "proto/metadata.pb.h"

namespace openefs::cli {

struct RepairBacklog {
  uint64_t blobs = 0;    // with a fragment that is missing
  uint64_t bytes = 0;    // of user data in them
  uint64_t blocked = 0;  // of the blobs: the nodes of all that is missing are down
  bool more = false;     // there are more than were counted
};

// Counts the queues of all namespace groups, 65,536 blobs of each at most. Errors as Execute.
absl::StatusOr<RepairBacklog> CountRepairs(metadata::MetadataClient& client,
                                           const pb::ClusterState& cluster);

}  // namespace openefs::cli
