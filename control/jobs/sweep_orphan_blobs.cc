// Sweeping: finds blobs on data nodes that the metadata never heard of, because the front-end that
// wrote them died before its commit. No commit comes later than half of kBlobOrphanMs, so a blob
// older than all of it that no group knows will never be known.
#include <set>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/log.h"
#include "control/jobs/check_blobs.h"
#include "control/jobs/fragment_walk.h"
#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 10 * 60 * 1'000;  // from the end of one pass to the next

class SweepOrphanBlobsJob final : public Job {
 public:
  const char* name() const override { return "sweep_orphan_blobs"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  static std::vector<BlobId> OldIn(const JobContext& context,
                                   const pb::ListFragmentsResponse& listed);
  static absl::StatusOr<std::vector<BlobId>> Unknown(JobContext& context, std::vector<BlobId> ids);
  static absl::Status Sweep(JobContext& context, std::vector<BlobId> ids);

  FragmentWalk walk_;
};

absl::StatusOr<RoundEnd> SweepOrphanBlobsJob::RunRound(JobContext& context) {
  const auto page = walk_.Next(context);
  if (page.ok() && !page->has_value()) return RoundEnd::kDone;
  const absl::Status swept =
      page.ok() ? Sweep(context, OldIn(context, (*page)->listed)) : page.status();
  if (absl::IsCancelled(swept)) return swept;
  if (!swept.ok()) {
    if (page.ok()) walk_.LeaveNode((*page)->node);
    Log(LogLevel::kWarning, "control.sweep.failed", {{"error", swept.ToString()}});
  }
  return RoundEnd::kMore;
}

// Those that are old enough to be orphans.
std::vector<BlobId> SweepOrphanBlobsJob::OldIn(const JobContext& context,
                                               const pb::ListFragmentsResponse& listed) {
  const auto now_ms = static_cast<uint64_t>(context.clock.WallMs());
  std::set<BlobId> old;
  for (const pb::ListFragmentsResponse::Entry& entry : listed.entries()) {
    const BlobId id = FromProto(entry.fragment().blob());
    if (id.created_ms() + kBlobOrphanMs < now_ms) old.insert(id);
  }
  return {old.begin(), old.end()};
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
    const auto checked = CheckBlobs(context, group, ids);
    if (!checked.ok()) return checked.status();
    std::vector<BlobId> left;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!checked->known(static_cast<int>(i))) left.push_back(ids[i]);
    }
    ids = std::move(left);
  }
  return ids;
}

}  // namespace

std::unique_ptr<Job> MakeSweepOrphanBlobsJob() { return std::make_unique<SweepOrphanBlobsJob>(); }

}  // namespace openefs::control
