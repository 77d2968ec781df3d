#include "metadata/ops/set_node_status.h"

#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

pb::FsError SetNodeStatusOp::Apply(OperationContext& context, const Request& request,
                                   pb::OperationResult*) {
  if (!pb::NodeStatus_IsValid(request.status())) return pb::FS_INVAL;
  std::optional<pb::DataNode> node = FindNode(context.txn, request.node_id());
  if (!node.has_value()) return pb::FS_NOENT;
  if (node->status() == request.status()) return pb::FS_OK;
  if (node->status() == pb::NODE_GONE) return pb::FS_STALE;
  node->set_status(request.status());
  context.txn.PutRecord(keys::Node(request.node_id()), *node);
  BumpEpoch(context.txn);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
