#include "metadata/store/check.h"

#include <algorithm>

#include "metadata/store/check/blob_table.h"
#include "metadata/store/check/namespace_check.h"
#include "metadata/store/check/reporter.h"
#include "metadata/store/check/row_form.h"
#include "metadata/store/check/state_check.h"
#include "proto/cluster.pb.h"

namespace openefs::metadata {
namespace {

// Every row by itself. Gives the file systems that have rows, in order.
std::vector<FileSystemId> CheckForms(const KvSnapshot& snapshot, Reporter* reporter) {
  std::vector<FileSystemId> file_systems;
  // From the empty key to one that no file system id reaches.
  auto it = snapshot.Scan("", std::string(9, '\xff'));
  for (; it->Valid() && reporter->Row(); it->Next()) {
    const std::string fault = FaultOfRow(it->Key(), it->Value());
    if (!fault.empty()) reporter->Problem(fault);
    if (it->Key().size() < 8) continue;
    const FileSystemId fs = KeyReader(it->Key()).U64();
    const bool known = !file_systems.empty() && file_systems.back() == fs;
    if (fs != keys::kClusterWide && !known) file_systems.push_back(fs);
  }
  return file_systems;
}

void CheckCluster(const KvSnapshot& snapshot, Reporter* reporter) {
  SoundRows groups(snapshot, keys::kClusterWide, KeyTag::kPlacementGroup);
  for (; groups.Valid() && reporter->Row(); groups.Next()) {
    pb::PlacementGroup group;
    if (!ParseRecord(groups.Value(), &group)) continue;
    if (group.id() != groups.Key().U32()) {
      reporter->Problem("placement group ", group.id(), " stands under another number");
    }
    for (const uint32_t node : group.node_ids()) {
      if (HasKey(snapshot, keys::Node(node))) continue;
      reporter->Problem("placement group ", group.id(), " is on node ", node,
                        ", which is not there");
    }
  }
  SoundRows nodes(snapshot, keys::kClusterWide, KeyTag::kNode);
  if (nodes.Valid() && !HasKey(snapshot, keys::ClusterMap())) {
    reporter->Problem("there are data nodes and no cluster map");
  }
}

}  // namespace

CheckReport CheckStore(const KvSnapshot& snapshot, const CheckOptions& options) {
  Reporter reporter(options);
  reporter.report.applied_index = FindNumber(snapshot, keys::AppliedIndex());
  const std::vector<FileSystemId> file_systems = CheckForms(snapshot, &reporter);
  BlobTable blobs;
  blobs.Load(snapshot, &reporter);
  for (const FileSystemId fs : file_systems) CheckNamespace(snapshot, fs, &blobs, &reporter);
  if (!reporter.ended()) blobs.CompareCounts(&reporter);
  CheckClients(snapshot, &reporter);
  CheckStates(snapshot, file_systems, &reporter);
  CheckCluster(snapshot, &reporter);
  reporter.report.complete = !reporter.ended();
  return std::move(reporter.report);
}

}  // namespace openefs::metadata
