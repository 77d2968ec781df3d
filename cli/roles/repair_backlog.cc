#include "cli/roles/repair_backlog.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "control/jobs/job.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

constexpr uint32_t kMaxListed = 1'024;
// A person looks: 65,536 blobs are counted in some tenths of a second, "more" says the rest.
constexpr int kMaxPages = 64;

using UpNodes = std::set<uint32_t>;

UpNodes FindUpNodes(const pb::ClusterMap& map) {
  UpNodes up;
  for (const pb::DataNode& node : map.data_nodes()) {
    if (node.status() == pb::NODE_UP) up.insert(node.node_id());
  }
  return up;
}

// Whether a fragment that is missing could be written now.
bool CanBeRepaired(const pb::RepairsResult::Repair& repair, const pb::ClusterMap& map,
                   const UpNodes& up) {
  const uint32_t wanted = control::FromProto(repair.id()).placement_group();
  for (const pb::PlacementGroup& group : map.placement_groups()) {
    if (group.id() != wanted) continue;
    for (int i = 0; i < group.node_ids_size(); ++i) {
      const bool missing = (repair.missing_mask() >> i & 1) != 0;
      if (missing && up.contains(group.node_ids(i))) return true;
    }
  }
  return false;
}

absl::Status CountGroup(metadata::MetadataClient& client, GroupId group, const pb::ClusterMap& map,
                        RepairBacklog& backlog) {
  const UpNodes up = FindUpNodes(map);
  std::string after;
  for (int page = 0; page < kMaxPages; ++page) {
    pb::Operation list;
    list.mutable_list_repairs()->set_limit(kMaxListed);
    list.mutable_list_repairs()->set_after(after);
    const auto listed = control::ExecuteOne(client, group, std::move(list));
    if (!listed.ok()) return listed.status();
    const auto& repairs = listed->repairs().repairs();
    for (const pb::RepairsResult::Repair& repair : repairs) {
      ++backlog.blobs;
      backlog.bytes += repair.blob_length();
      if (!CanBeRepaired(repair, map, up)) ++backlog.blocked;
      after = repair.key();
    }
    if (static_cast<uint32_t>(repairs.size()) < kMaxListed) return absl::OkStatus();
  }
  backlog.more = true;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RepairBacklog> CountRepairs(metadata::MetadataClient& client,
                                           const pb::ClusterState& cluster) {
  RepairBacklog backlog;
  for (const GroupId group : control::NamespaceGroups(cluster)) {
    const absl::Status counted = CountGroup(client, group, cluster.map(), backlog);
    if (!counted.ok()) return counted;
  }
  return backlog;
}

}  // namespace openefs::cli
