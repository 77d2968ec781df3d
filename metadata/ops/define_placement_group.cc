#include "metadata/ops/define_placement_group.h"

#include "absl/container/flat_hash_set.h"
#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint32_t kMaxPlacementGroup = UINT16_MAX;  // a blob id has 16 bits for it

int FragmentsOf(pb::Code code) {
  switch (code) {
    case pb::RS_3_3:
    case pb::RS_4_2:
      return 6;
    case pb::RS_5_4:
      return 9;
    case pb::RS_1_2:
      return 3;
    default:
      return 0;
  }
}

pb::FsError CheckNodes(const Transaction& txn, const pb::PlacementGroup& group) {
  if (group.node_ids_size() == 0 || group.node_ids_size() != FragmentsOf(group.code())) {
    return pb::FS_INVAL;
  }
  absl::flat_hash_set<uint32_t> seen;
  for (uint32_t id : group.node_ids()) {
    if (!seen.insert(id).second) return pb::FS_INVAL;
    const std::optional<pb::DataNode> node = FindNode(txn, id);
    if (!node.has_value() || node->status() == pb::NODE_GONE) return pb::FS_NOENT;
  }
  return pb::FS_OK;
}

bool SameNodes(const pb::PlacementGroup& a, const pb::PlacementGroup& b) {
  return std::equal(a.node_ids().begin(), a.node_ids().end(), b.node_ids().begin(),
                    b.node_ids().end());
}

}  // namespace

pb::FsError DefinePlacementGroupOp::Apply(OperationContext& context, const Request& request,
                                          pb::OperationResult*) {
  const pb::PlacementGroup& group = request.group();
  if (group.id() > kMaxPlacementGroup) return pb::FS_INVAL;
  pb::FsError error = CheckNodes(context.txn, group);
  if (error != pb::FS_OK) return error;
  pb::PlacementGroup known;
  if (context.txn.GetRecord(keys::PlacementGroup(group.id()), &known)) {
    if (known.code() != group.code()) return pb::FS_INVAL;
    if (SameNodes(known, group)) return pb::FS_OK;
  }
  context.txn.PutRecord(keys::PlacementGroup(group.id()), group);
  BumpEpoch(context.txn);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
