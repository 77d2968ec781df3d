// Repairing what rots: data nodes mark fragments whose blocks do not match their checksums, whoever
// met them, a scrubber or a read. Reads mend what they meet; this finds the others, so that they do
// not wait until more of the same blob is gone.
#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "common/log.h"
#include "control/jobs/check_blobs.h"
#include "control/jobs/fragment_walk.h"
#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 10 * 60 * 1'000;  // from the end of one pass to the next

class RepairCorruptJob final : public Job {
 public:
  const char* name() const override { return "repair_corrupt"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  struct Corrupt {
    BlobId id;
    uint32_t mask = 0;  // of its fragments
    uint32_t blob_length = 0;
  };

  static std::vector<Corrupt> CorruptIn(const pb::ListFragmentsResponse& listed);
  static absl::StatusOr<std::vector<Corrupt>> Referenced(JobContext& context,
                                                         std::vector<Corrupt> blobs);
  absl::StatusOr<bool> FindMore(JobContext& context);
  static void RepairOne(JobContext& context, const Corrupt& blob);

  FragmentWalk walk_;
  std::deque<Corrupt> found_;  // of one page at most
};

absl::StatusOr<RoundEnd> RepairCorruptJob::RunRound(JobContext& context) {
  if (found_.empty()) {
    const absl::StatusOr<bool> more = FindMore(context);
    if (!more.ok()) return more.status();
    if (!*more) return RoundEnd::kDone;
  }
  for (int i = 0; i < kMaxRepairsInRound && !found_.empty() && !context.signal->Stopped(); ++i) {
    RepairOne(context, found_.front());
    found_.pop_front();
  }
  return RoundEnd::kMore;
}

// The next page. False: the pass is over.
absl::StatusOr<bool> RepairCorruptJob::FindMore(JobContext& context) {
  const auto page = walk_.Next(context);
  if (page.ok() && !page->has_value()) return false;
  auto found = page.ok() ? Referenced(context, CorruptIn((*page)->listed))
                         : absl::StatusOr<std::vector<Corrupt>>(page.status());
  if (absl::IsCancelled(found.status())) return found.status();
  if (!found.ok()) {
    if (page.ok()) walk_.LeaveNode((*page)->node);
    Log(LogLevel::kWarning, "control.repair_corrupt.failed",
        {{"error", found.status().ToString()}});
    return true;
  }
  found_.assign(found->begin(), found->end());
  return true;
}

std::vector<RepairCorruptJob::Corrupt> RepairCorruptJob::CorruptIn(
    const pb::ListFragmentsResponse& listed) {
  std::map<BlobId, uint32_t> masks;
  for (const pb::ListFragmentsResponse::Entry& entry : listed.entries()) {
    if (!entry.corrupt() || entry.fragment().index() >= 32) continue;
    masks[FromProto(entry.fragment().blob())] |= 1u << entry.fragment().index();
  }
  std::vector<Corrupt> corrupt;
  for (const auto& [id, mask] : masks) corrupt.push_back({id, mask, 0});
  return corrupt;
}

// Those that a file uses, with their lengths. What is waiting to be collected is left alone.
absl::StatusOr<std::vector<RepairCorruptJob::Corrupt>> RepairCorruptJob::Referenced(
    JobContext& context, std::vector<Corrupt> blobs) {
  if (blobs.empty()) return blobs;
  std::vector<BlobId> ids;
  for (const Corrupt& blob : blobs) ids.push_back(blob.id);
  for (const GroupId group : NamespaceGroups(*context.cluster)) {
    const auto checked = CheckBlobs(context, group, ids);
    if (!checked.ok()) return checked.status();
    for (size_t i = 0; i < blobs.size(); ++i) {
      const uint32_t length = checked->blob_lengths(static_cast<int>(i));
      blobs[i].blob_length = std::max(blobs[i].blob_length, length);
    }
  }
  blobs.erase(std::remove_if(blobs.begin(), blobs.end(),
                             [](const Corrupt& blob) { return blob.blob_length == 0; }),
              blobs.end());
  return blobs;
}

// What cannot be mended now is met again with the next pass.
void RepairCorruptJob::RepairOne(JobContext& context, const Corrupt& blob) {
  const auto rebuilt = StopSignal::Wait<absl::StatusOr<uint32_t>>(context.signal, [&](auto done) {
    context.blobs.Repair(blob.id, blob.blob_length, blob.mask, std::move(done));
  });
  if (rebuilt.ok() && *rebuilt != 0) return context.items.Add();
  if (absl::IsCancelled(rebuilt.status())) return;
  Log(absl::IsDataLoss(rebuilt.status()) ? LogLevel::kError : LogLevel::kWarning,
      "control.repair_corrupt.failed",
      {{"error", rebuilt.ok() ? "no fragment could be rebuilt" : rebuilt.status().ToString()}});
}

}  // namespace

std::unique_ptr<Job> MakeRepairCorruptJob() { return std::make_unique<RepairCorruptJob>(); }

}  // namespace openefs::control
