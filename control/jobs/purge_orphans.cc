// Purging: frees the extents that removals and truncations of large files left for later, a bounded
// number in each entry.
#include <algorithm>
#include <utility>

#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 1'000;
// Asking costs a log entry in every group, also for nothing.
constexpr int64_t kIdleIntervalMs = 8'000;
// The metadata service takes fewer at once if it wants to.
constexpr uint32_t kMaxExtents = 1'024;
// Entries in a round of one group: the other groups wait meanwhile.
constexpr int kMaxEntries = 16;

class PurgeOrphansJob final : public Job {
 public:
  const char* name() const override { return "purge_orphans"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  int64_t idle_interval_ms() const override { return kIdleIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  static absl::StatusOr<RoundEnd> PurgeGroup(JobContext& context, GroupId group);
};

absl::StatusOr<RoundEnd> PurgeOrphansJob::RunRound(JobContext& context) {
  RoundEnd end = RoundEnd::kIdle;
  for (const GroupId group : NamespaceGroups(*context.cluster)) {
    const absl::StatusOr<RoundEnd> purged = PurgeGroup(context, group);
    if (!purged.ok()) return purged.status();
    end = std::max(end, *purged);
  }
  return end;
}

absl::StatusOr<RoundEnd> PurgeOrphansJob::PurgeGroup(JobContext& context, GroupId group) {
  for (int entry = 0; entry < kMaxEntries; ++entry) {
    pb::Operation purge;
    purge.mutable_purge_orphans()->set_max_extents(kMaxExtents);
    const auto purged = Execute(context.signal, context.metadata, group, std::move(purge));
    if (!purged.ok()) return purged.status();
    if (!purged->purge().more()) return entry == 0 ? RoundEnd::kIdle : RoundEnd::kDone;
    context.items.Add();
  }
  return RoundEnd::kMore;
}

}  // namespace

std::unique_ptr<Job> MakePurgeOrphansJob() { return std::make_unique<PurgeOrphansJob>(); }

}  // namespace openefs::control
