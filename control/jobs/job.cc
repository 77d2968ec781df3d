#include "control/jobs/job.h"

#include <set>

namespace openefs::control {

std::vector<GroupId> NamespaceGroups(const pb::ClusterState& cluster) {
  std::set<GroupId> groups;
  for (const pb::FileSystem& fs : cluster.file_systems()) {
    groups.insert(fs.groups().begin(), fs.groups().end());
  }
  return {groups.begin(), groups.end()};
}

}  // namespace openefs::control
