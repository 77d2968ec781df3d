#include "metadata/ops/get_cluster_state.h"

#include "common/check.h"
#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

pb::FsError GetClusterStateOp::Apply(OperationContext& context, const Request& request,
                                     pb::OperationResult* result) {
  const Transaction& txn = context.txn;
  pb::ClusterMap head;
  if (!txn.GetRecord(keys::ClusterMap(), &head)) return pb::FS_NOENT;
  pb::ClusterState* state = result->mutable_cluster_state();
  if (head.epoch() == request.known_epoch()) {
    state->mutable_map()->set_epoch(head.epoch());
    return pb::FS_OK;
  }
  *state->mutable_map() = std::move(head);
  for (pb::DataNode& node : AllNodes(txn)) {
    *state->mutable_map()->add_data_nodes() = std::move(node);
  }
  for (pb::PlacementGroup& group : AllPlacementGroups(txn)) {
    *state->mutable_map()->add_placement_groups() = std::move(group);
  }
  for (pb::FileSystem& fs : AllFileSystems(txn)) {
    *state->add_file_systems() = std::move(fs);
  }
  OPENEFS_CHECK(txn.GetRecord(keys::Secrets(), state->mutable_secrets()));
  return pb::FS_OK;
}

}  // namespace openefs::metadata
