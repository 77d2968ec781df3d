// Collection: frees the fragments of blobs that nothing refers to any more, then has the metadata
// forget the blobs. A crash in between leaves them in the queue, and deleting again is harmless.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/log.h"
#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 1'000;
// A round deletes no more of one group: some thousand fragments, one batch for each data node.
constexpr uint32_t kMaxBlobs = 1'024;

struct Batch {
  std::vector<BlobId> ids;
  pb::FinishCollect finish;
};

class CollectJob final : public Job {
 public:
  const char* name() const override { return "collect"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  absl::StatusOr<RoundEnd> CollectGroup(JobContext& context, GroupId group);
  static absl::Status CollectBatch(JobContext& context, GroupId group, Batch batch);

  // Where the next round goes on in the queue: behind blobs that cannot be deleted now.
  std::map<GroupId, std::string> after_;
};

absl::StatusOr<RoundEnd> CollectJob::RunRound(JobContext& context) {
  RoundEnd end = RoundEnd::kIdle;
  for (const GroupId group : NamespaceGroups(*context.cluster)) {
    const absl::StatusOr<RoundEnd> collected = CollectGroup(context, group);
    if (!collected.ok()) return collected.status();
    end = std::max(end, *collected);
  }
  return end;
}

absl::StatusOr<RoundEnd> CollectJob::CollectGroup(JobContext& context, GroupId group) {
  pb::Operation list;
  std::string& after = after_[group];
  list.mutable_list_collectable()->set_limit(kMaxBlobs);
  list.mutable_list_collectable()->set_after(after);
  const auto listed = Execute(context.signal, context.metadata, group, std::move(list));
  if (!listed.ok()) return listed.status();
  const auto& blobs = listed->collectable().blobs();
  // One placement group at a time: a node that is down holds up its own groups only.
  std::map<uint16_t, Batch> batches;
  for (const pb::CollectableResult::Blob& blob : blobs) {
    Batch& batch = batches[FromProto(blob.id()).placement_group()];
    batch.ids.push_back(FromProto(blob.id()));
    batch.finish.add_keys(blob.key());
  }
  size_t failed = 0;
  absl::Status last_failure;
  for (auto& [placement_group, batch] : batches) {
    const absl::Status collected = CollectBatch(context, group, std::move(batch));
    if (collected.ok()) continue;
    last_failure = collected;
    ++failed;
    Log(LogLevel::kWarning, "control.collect.failed",
        {{"group", group}, {"placement_group", placement_group}, {"error", collected.ToString()}});
  }
  const bool full = static_cast<uint32_t>(blobs.size()) == kMaxBlobs;
  // What failed stays in the queue. Behind it there may be others' blobs; it has its next turn when
  // the end was reached.
  const bool began_at_start = after.empty();
  after = full ? blobs.rbegin()->key() : "";
  if (failed > 0 && failed == batches.size()) return last_failure;
  if (full) return RoundEnd::kMore;
  return blobs.empty() && began_at_start ? RoundEnd::kIdle : RoundEnd::kDone;
}

absl::Status CollectJob::CollectBatch(JobContext& context, GroupId group, Batch batch) {
  const size_t count = batch.ids.size();
  const auto deleted = StopSignal::Wait<absl::Status>(context.signal, [&](auto done) {
    context.blobs.Delete(std::move(batch.ids), std::move(done));
  });
  if (!deleted.ok()) return deleted;
  pb::Operation finish;
  *finish.mutable_finish_collect() = std::move(batch.finish);
  const auto finished = Execute(context.signal, context.metadata, group, std::move(finish));
  if (finished.ok()) context.items.Add(count);
  return finished.status();
}

}  // namespace

std::unique_ptr<Job> MakeCollectJob() { return std::make_unique<CollectJob>(); }

}  // namespace openefs::control
