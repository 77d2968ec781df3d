// What a host must know of a cluster before it can be part of it, asked of running metadata nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/role_config.h"
#include "metadata/client/metadata_client.h"
#include "proto/cluster.pb.h"

namespace openefs::cli {

struct ClusterFacts {
  std::string cluster_id;                          // 16 bytes
  bool formed = false;                             // false: its metadata nodes wait for each other
  std::vector<MetadataNodeConfig> metadata_nodes;  // members; before it formed, those configured
  std::vector<NodeId> removed_nodes;               // their ids are not given again
  int64_t lease_seconds = 0;
};

// Asks the metadata nodes at `members` (host:port); what a member says that has formed counts.
// UNAVAILABLE: none answers, with each one's reason. FAILED_PRECONDITION: they belong to different
// clusters, or to another than `cluster_id` (16 bytes; empty: any).
absl::StatusOr<ClusterFacts> AskForFacts(const std::vector<std::string>& members,
                                         const std::string& cluster_id);

// The cluster map, for joining. The cluster's secrets are made if they are not there yet, so that
// data nodes can register before the cluster is set up. UNAVAILABLE: no majority of metadata nodes.
absl::StatusOr<pb::ClusterMap> ReadClusterMap(const ClusterFacts& facts);

}  // namespace openefs::cli
