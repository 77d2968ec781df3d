#include "control/jobs/fragment_walk.h"

#include <utility>

namespace openefs::control {

// The node with the lowest id above done_node_ that can answer.
const pb::DataNode* FragmentWalk::NextNode(const pb::ClusterMap& map) const {
  const pb::DataNode* next = nullptr;
  for (const pb::DataNode& node : map.data_nodes()) {
    if (node.node_id() <= done_node_ || node.status() != pb::NODE_UP) continue;
    if (next == nullptr || node.node_id() < next->node_id()) next = &node;
  }
  return next;
}

absl::StatusOr<std::optional<FragmentWalk::Page>> FragmentWalk::Next(JobContext& context) {
  const pb::DataNode* node = NextNode(context.cluster->map());
  if (node == nullptr) {
    done_node_ = 0;
    return std::optional<Page>();
  }
  pb::ListFragmentsRequest request;
  *request.mutable_after() = ToProto(after_);
  request.set_limit(kPage);
  const auto client = context.connect(*node);
  auto listed = StopSignal::Wait<absl::StatusOr<pb::ListFragmentsResponse>>(
      context.signal, [&](auto done) { client->List(std::move(request), std::move(done)); });
  const bool more = listed.ok() && !listed->end() && listed->entries_size() != 0;
  if (more) {
    after_ = FromProto(listed->entries().rbegin()->fragment().blob());
  } else {
    LeaveNode(node->node_id());
  }
  if (!listed.ok()) return listed.status();
  return std::optional<Page>({node->node_id(), *std::move(listed)});
}

void FragmentWalk::LeaveNode(NodeId node) {
  done_node_ = node;
  after_ = {};
}

}  // namespace openefs::control
