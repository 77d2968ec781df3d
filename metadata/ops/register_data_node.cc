#include "metadata/ops/register_data_node.h"

#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr size_t kMaxAzBytes = 64;
constexpr size_t kMaxAddressBytes = 256;

bool Valid(const pb::DataNode& node) {
  return node.node_id() != 0 && node.store_id().size() == kStoreIdBytes && !node.az().empty() &&
         node.az().size() <= kMaxAzBytes && node.address().size() <= kMaxAddressBytes;
}

pb::FsError CheckReturning(const pb::DataNode& known, const pb::DataNode& node) {
  if (known.store_id() != node.store_id() || known.az() != node.az()) return pb::FS_NOT_SAME;
  return known.status() == pb::NODE_GONE ? pb::FS_STALE : pb::FS_OK;
}

pb::FsError CheckNew(const Transaction& txn, const pb::DataNode& node) {
  const std::vector<pb::DataNode> nodes = AllNodes(txn);
  for (const pb::DataNode& other : nodes) {
    if (other.store_id() == node.store_id()) return pb::FS_EXIST;
  }
  return nodes.size() < kMaxDataNodes ? pb::FS_OK : pb::FS_DQUOT;
}

}  // namespace

pb::FsError RegisterDataNodeOp::Apply(OperationContext& context, const Request& request,
                                      pb::OperationResult*) {
  if (ClusterEpoch(context.txn) == 0) return pb::FS_NOENT;
  if (!Valid(request.node())) return pb::FS_INVAL;
  const std::optional<pb::DataNode> known = FindNode(context.txn, request.node().node_id());
  pb::FsError error = known.has_value() ? CheckReturning(*known, request.node())
                                        : CheckNew(context.txn, request.node());
  if (error != pb::FS_OK) return error;
  pb::DataNode node = request.node();
  node.set_status(pb::NODE_UP);
  const bool unchanged =
      known.has_value() && known->status() == pb::NODE_UP && known->address() == node.address();
  if (unchanged) return pb::FS_OK;
  context.txn.PutRecord(keys::Node(node.node_id()), node);
  BumpEpoch(context.txn);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
