#include "datastore/client/delete_blobs.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::datastore {
namespace {

// What one call to a node carries; a data node takes no more (node/local_data_node.cc).
constexpr size_t kMaxIdsPerCall = 4096;

struct Call {
  std::shared_ptr<DataNodeClient> client;
  std::vector<FragmentId> ids;
};

struct Plan {
  std::vector<Call> calls;
  absl::Status unreachable;  // why not all can be asked
};

Plan MakePlan(const Placement& placement, const std::vector<BlobId>& ids) {
  Plan plan;
  std::map<NodeId, size_t> last_call;  // by node: its call that is being filled
  for (const BlobId& id : ids) {
    const PlacementGroup* group = placement.Find(id.placement_group());
    if (group == nullptr) {
      plan.unreachable = absl::UnavailableError(
          absl::StrCat("placement group ", id.placement_group(), " is not in the cluster map"));
      continue;
    }
    for (uint32_t i = 0; i < group->members.size(); ++i) {
      const GroupMember& member = group->members[i];
      if (member.status == pb::NODE_GONE) continue;
      if (member.status == pb::NODE_DOWN) {
        plan.unreachable =
            absl::UnavailableError(absl::StrCat("data node ", member.node_id, " is down"));
        continue;
      }
      const auto [it, added] = last_call.try_emplace(member.node_id, plan.calls.size());
      if (!added && plan.calls[it->second].ids.size() == kMaxIdsPerCall) {
        it->second = plan.calls.size();
      }
      if (it->second == plan.calls.size()) plan.calls.push_back({member.client, {}});
      plan.calls[it->second].ids.push_back({id, i});
    }
  }
  return plan;
}

}  // namespace

void DeleteBlobs::Start() {
  Plan plan = MakePlan(*context_->placement(), ids_);
  const auto self = std::static_pointer_cast<DeleteBlobs>(shared_from_this());
  context_->Begin(self);
  {
    MutexLock lock(mu_);
    waiting_ = plan.calls.size() + 1;
  }
  for (Call& call : plan.calls) {
    call.client->Delete(std::move(call.ids),
                        [self](const absl::Status& status) { self->Finish(status); });
  }
  Finish(plan.unreachable);
}

void DeleteBlobs::Finish(const absl::Status& status) {
  Done done;
  absl::Status result;
  {
    MutexLock lock(mu_);
    if (first_error_.ok()) first_error_ = status;
    if (--waiting_ > 0) return;
    done = std::move(done_);
    result = first_error_;
  }
  done(result);
  context_->End(this);
}

}  // namespace openefs::datastore
