// Sets up a new cluster: secrets, placement groups over the data nodes that have registered, and a
// first file system. Every step may be repeated, so a bootstrap that was interrupted is run again.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "metadata/client/metadata_client.h"
#include "proto/cluster.pb.h"

namespace openefs::control {

struct BootstrapOptions {
  std::string cluster_id;        // 16 bytes
  int data_nodes = 6;            // how many must have registered first
  int64_t patience_ms = 60'000;  // for all of it
};

// The first step of it, which data nodes need before they can register: the cluster's id and
// secrets.
absl::Status FormatCluster(metadata::MetadataClient& client, const std::string& cluster_id);

// All of it. Returns the file system. DEADLINE_EXCEEDED with what was missing when patience ran
// out.
absl::StatusOr<pb::FileSystem> Bootstrap(metadata::MetadataClient& client,
                                         const BootstrapOptions& options);

// Makes another file system and its root directory.
absl::StatusOr<pb::FileSystem> CreateFileSystem(metadata::MetadataClient& client,
                                                const std::string& name);

// Spreads `nodes` over placement groups so that the fragments of a group lie evenly on the AZs:
// with 3 AZs and 2 nodes in each, one group of RS 3+3. Pure; INVALID_ARGUMENT if no code fits the
// nodes.
absl::StatusOr<std::vector<pb::PlacementGroup>> PlanPlacementGroups(
    const std::vector<pb::DataNode>& nodes);

}  // namespace openefs::control
