// The cluster map as the system group keeps it: a head with the epoch, and one row for each node,
// placement group and file system.
#pragma once

#include <optional>
#include <vector>

#include "metadata/store/transaction.h"
#include "proto/cluster.pb.h"

namespace openefs::metadata {

inline constexpr size_t kClusterIdBytes = 16;
inline constexpr size_t kStoreIdBytes = 16;

// The map travels whole to every role; these keep it below a few megabytes.
inline constexpr size_t kMaxDataNodes = 4'096;
inline constexpr size_t kMaxFileSystems = 10'000;

// 0: the cluster has not been formatted.
uint64_t ClusterEpoch(const Transaction& txn);

// After every change that roles must hear of.
void BumpEpoch(Transaction& txn);

std::optional<pb::DataNode> FindNode(const Transaction& txn, uint32_t node_id);
std::vector<pb::DataNode> AllNodes(const Transaction& txn);
std::vector<pb::PlacementGroup> AllPlacementGroups(const Transaction& txn);
std::vector<pb::FileSystem> AllFileSystems(const Transaction& txn);

}  // namespace openefs::metadata
