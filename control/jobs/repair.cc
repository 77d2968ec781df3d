// Repair: rebuilds fragments that were not written, or were lost, as soon as their nodes are up.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "common/log.h"
#include "control/jobs/job.h"

namespace openefs::control {
namespace {

constexpr int64_t kIntervalMs = 2'000;
// One list of the queue. Most of a long queue waits for nodes that are down and costs nothing else.
constexpr uint32_t kMaxListed = 1'024;

class RepairJob final : public Job {
 public:
  const char* name() const override { return "repair"; }
  int64_t interval_ms() const override { return kIntervalMs; }
  absl::StatusOr<RoundEnd> RunRound(JobContext& context) override;

 private:
  absl::StatusOr<RoundEnd> RepairGroup(JobContext& context, GroupId group, int& left);
  static absl::Status RepairOne(JobContext& context, GroupId group,
                                const pb::RepairsResult::Repair& repair, uint32_t mask);

  std::map<GroupId, std::string> after_;  // where the next round goes on in the queue
};

// The fragments of a blob whose nodes are up.
uint32_t UpMask(const pb::ClusterMap& map, uint16_t placement_group) {
  uint32_t mask = 0;
  for (const pb::PlacementGroup& group : map.placement_groups()) {
    if (group.id() != placement_group) continue;
    for (int i = 0; i < group.node_ids_size(); ++i) {
      const auto is_up = [&](const pb::DataNode& node) {
        return node.node_id() == group.node_ids(i) && node.status() == pb::NODE_UP;
      };
      if (std::any_of(map.data_nodes().begin(), map.data_nodes().end(), is_up)) mask |= 1u << i;
    }
  }
  return mask;
}

absl::StatusOr<RoundEnd> RepairJob::RunRound(JobContext& context) {
  RoundEnd end = RoundEnd::kIdle;
  int left = kMaxRepairsInRound;
  for (const GroupId group : NamespaceGroups(*context.cluster)) {
    const absl::StatusOr<RoundEnd> repaired = RepairGroup(context, group, left);
    if (!repaired.ok()) return repaired.status();
    end = std::max(end, *repaired);
  }
  return end;
}

absl::StatusOr<RoundEnd> RepairJob::RepairGroup(JobContext& context, GroupId group, int& left) {
  if (left == 0) return RoundEnd::kMore;
  std::string& after = after_[group];
  pb::Operation list;
  list.mutable_list_repairs()->set_limit(kMaxListed);
  list.mutable_list_repairs()->set_after(after);
  const auto listed = Execute(context.signal, context.metadata, group, std::move(list));
  if (!listed.ok()) return listed.status();
  const auto& repairs = listed->repairs().repairs();
  const bool began_at_start = after.empty();
  RoundEnd end = RoundEnd::kIdle;
  for (const pb::RepairsResult::Repair& repair : repairs) {
    if (left == 0) return RoundEnd::kMore;
    after = repair.key();
    const uint32_t up = UpMask(context.cluster->map(), FromProto(repair.id()).placement_group());
    const uint32_t mask = repair.missing_mask() & up;
    if (mask == 0) continue;
    --left;
    end = RoundEnd::kDone;
    const absl::Status repaired = RepairOne(context, group, repair, mask);
    if (absl::IsCancelled(repaired)) return repaired;
    if (!repaired.ok()) {
      Log(absl::IsDataLoss(repaired) ? LogLevel::kError : LogLevel::kWarning,
          "control.repair.failed", {{"group", group}, {"error", repaired.ToString()}});
    }
  }
  const bool more = static_cast<uint32_t>(repairs.size()) == kMaxListed;
  if (!more) after.clear();
  // The rest of the queue comes at once; from the start again at the next interval.
  return more || (!began_at_start && end == RoundEnd::kDone) ? RoundEnd::kMore : end;
}

absl::Status RepairJob::RepairOne(JobContext& context, GroupId group,
                                  const pb::RepairsResult::Repair& repair, uint32_t mask) {
  const auto rebuilt = StopSignal::Wait<absl::StatusOr<uint32_t>>(context.signal, [&](auto done) {
    context.blobs.Repair(FromProto(repair.id()), repair.blob_length(), mask, std::move(done));
  });
  if (!rebuilt.ok()) return rebuilt.status();
  if (*rebuilt == 0) return absl::UnavailableError("no fragment could be rebuilt");
  pb::Operation finish;
  finish.mutable_finish_repair()->set_key(repair.key());
  finish.mutable_finish_repair()->set_repaired_mask(*rebuilt);
  const auto finished = Execute(context.signal, context.metadata, group, std::move(finish));
  if (finished.ok()) context.items.Add();
  return finished.status();
}

}  // namespace

std::unique_ptr<Job> MakeRepairJob() { return std::make_unique<RepairJob>(); }

}  // namespace openefs::control
