// Sweeping: finds blobs on data nodes that the metadata never heard of, because the front-end that
// wrote them died before its commit. No commit comes later than half of kBlobOrphanMs, so a blob
// older than all of it that no group knows will never be known.
#include <set>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/log.h"
#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 10 * 60 * 1'000;  // from the end of one pass to the next
// Fragments in one round: as many as the metadata checks in one request.
constexpr uint32_t kPage = 1'024;

class SweepOrphanBlobsJob final : public Job {
 public:
  const char* name() const override { return "sweep_orphan_blobs"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  absl::StatusOr<std::vector<BlobId>> NextPage(JobContext& context, const pb::DataNode& node,
                                               bool* end);
  static absl::StatusOr<std::vector<BlobId>> Unknown(JobContext& context, std::vector<BlobId> ids);
  static absl::Status Sweep(JobContext& context, std::vector<BlobId> ids);
  const pb::DataNode* NextNode(const pb::ClusterMap& map) const;

  // Where the pass is: nodes up to done_node_ are done, and of the next one all up to after_.
  NodeId done_node_ = 0;
  BlobId after_;
};

// The node with the lowest id above done_node_ that can answer.
const pb::DataNode* SweepOrphanBlobsJob::NextNode(const pb::ClusterMap& map) const {
  const pb::DataNode* next = nullptr;
  for (const pb::DataNode& node : map.data_nodes()) {
    if (node.node_id() <= done_node_ || node.status() != pb::NODE_UP) continue;
    if (next == nullptr || node.node_id() < next->node_id()) next = &node;
  }
  return next;
}

absl::StatusOr<RoundEnd> SweepOrphanBlobsJob::RunRound(JobContext& context) {
  const pb::DataNode* node = NextNode(context.cluster->map());
  if (node == nullptr) {
    done_node_ = 0;
    return RoundEnd::kDone;
  }
  bool end = false;
  const absl::StatusOr<std::vector<BlobId>> page = NextPage(context, *node, &end);
  const absl::Status swept = page.ok() ? Sweep(context, *page) : page.status();
  if (absl::IsCancelled(swept)) return swept;
  if (!swept.ok()) {
    // What is left of this node waits for the next pass, so that it does not keep the others.
    Log(LogLevel::kWarning, "control.sweep.failed",
        {{"node", node->node_id()}, {"error", swept.ToString()}});
  }
  if (end || !swept.ok()) {
    done_node_ = node->node_id();
    after_ = {};
  }
  return RoundEnd::kMore;
}

// The old enough blobs of which the node has fragments.
absl::StatusOr<std::vector<BlobId>> SweepOrphanBlobsJob::NextPage(JobContext& context,
                                                                  const pb::DataNode& node,
                                                                  bool* end) {
  pb::ListFragmentsRequest request;
  *request.mutable_after() = ToProto(after_);
  request.set_limit(kPage);
  const auto client = context.connect(node);
  const auto listed = StopSignal::Wait<absl::StatusOr<pb::ListFragmentsResponse>>(
      context.signal, [&](auto done) { client->List(std::move(request), std::move(done)); });
  if (!listed.ok()) return listed.status();
  const auto now_ms = static_cast<uint64_t>(context.clock.WallMs());
  std::set<BlobId> old;
  for (const pb::ListFragmentsResponse::Entry& entry : listed->entries()) {
    after_ = FromProto(entry.fragment().blob());
    if (after_.created_ms() + kBlobOrphanMs < now_ms) old.insert(after_);
  }
  *end = listed->end() || listed->entries().empty();
  return std::vector<BlobId>(old.begin(), old.end());
}

absl::Status SweepOrphanBlobsJob::Sweep(JobContext& context, std::vector<BlobId> ids) {
  absl::StatusOr<std::vector<BlobId>> unknown = Unknown(context, std::move(ids));
  if (!unknown.ok()) return unknown.status();
  if (unknown->empty()) return absl::OkStatus();
  const size_t count = unknown->size();
  const auto deleted = StopSignal::Wait<absl::Status>(context.signal, [&](auto done) {
    context.blobs.Delete(*std::move(unknown), std::move(done));
  });
  if (deleted.ok()) context.items.Add(count);
  return deleted;
}

// Those of `ids` that no group knows. An error of any group is an error of all: a blob is garbage
// only if every group says so.
absl::StatusOr<std::vector<BlobId>> SweepOrphanBlobsJob::Unknown(JobContext& context,
                                                                 std::vector<BlobId> ids) {
  const std::vector<GroupId> groups = NamespaceGroups(*context.cluster);
  if (groups.empty()) return std::vector<BlobId>();  // nobody to ask
  for (const GroupId group : groups) {
    if (ids.empty()) return ids;
    pb::Operation check;
    for (const BlobId& id : ids) *check.mutable_check_blobs()->add_blobs() = ToProto(id);
    const auto checked = Execute(context.signal, context.metadata, group, std::move(check));
    if (!checked.ok()) return checked.status();
    const auto& known = checked->check_blobs().known();
    if (known.size() != static_cast<int>(ids.size())) {
      return absl::InternalError("CheckBlobs answered for another number of blobs");
    }
    std::vector<BlobId> left;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!known[static_cast<int>(i)]) left.push_back(ids[i]);
    }
    ids = std::move(left);
  }
  return ids;
}

}  // namespace

std::unique_ptr<Job> MakeSweepOrphanBlobsJob() { return std::make_unique<SweepOrphanBlobsJob>(); }

}  // namespace openefs::control
