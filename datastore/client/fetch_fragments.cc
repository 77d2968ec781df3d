#include "datastore/client/fetch_fragments.h"

#include <algorithm>
#include <utility>

#include "datastore/client/client_metrics.h"
#include "datastore/client/repair_blob.h"

namespace openefs::datastore {

ColumnRange ColumnRange::Hull(const ColumnRange& other) const {
  if (empty()) return other;
  if (other.empty()) return *this;
  return {std::min(begin, other.begin), std::max(end, other.end)};
}

FetchFragments::FetchFragments(std::shared_ptr<ClientContext> context, const CodeSpec& spec,
                               const FetchRequest& request, Done done)
    : context_(std::move(context)),
      id_(request.id),
      stripe_(spec, request.blob_length),
      wanted_(request.wanted),
      hedge_ms_(context_->options.hedge_ms),
      deadline_ms_(NowMs() + context_->options.patience_ms),
      done_(std::move(done)) {
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i].lost = (request.lost_mask >> i & 1) != 0;
}

void FetchFragments::Start() {
  context_->Begin(shared_from_this());
  Wake();
}

void FetchFragments::Wake() {
  const std::shared_ptr<Operation> self = shared_from_this();
  Step step;
  {
    MutexLock lock(mu_);
    step = Plan();
  }
  if (step.wake_in_ms >= 0) context_->WakeAfter(step.wake_in_ms, self);
  for (Step::Fetch& fetch : step.fetches) {
    fetch.client->Get({id_, fetch.index}, fetch.range.begin, fetch.range.end - fetch.range.begin,
                      [self, this, index = fetch.index, ask = fetch.ask](
                          absl::StatusOr<Buffer> bytes) { OnGet(index, ask, std::move(bytes)); });
  }
  if (step.done) step.done(std::move(step.result));
  if (step.corrupt != 0) StartRepair(step.corrupt);
  if (step.ended) context_->End(this);
}

FetchFragments::Step FetchFragments::Plan() {
  Step step;
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group = placement->Find(id_.placement_group(), *stripe_.spec);
  if (!answered_ && group != nullptr) {
    NoticeMapChange(*group);
    const uint32_t targets = PlanDirect(*group, &step);
    if (targets != 0) PlanRebuild(*group, targets, &step);
    if (MissingMask() == 0) Answer(Collect(), &step);
  }
  if (!answered_ && stripe_.spec->n() - LostCount(group) < stripe_.spec->k) {
    Answer(absl::DataLossError("fewer fragments of the blob are left than it takes to read it"),
           &step);
  }
  if (!answered_ && (group == nullptr || NowMs() >= deadline_ms_ || context_->stopping())) {
    Answer(absl::UnavailableError("not enough data nodes to read a blob"), &step);
  }
  if (!answered_) PlanTimer(&step);
  step.ended = answered_ && in_flight_ == 0;
  return step;
}

// A fragment may be on another node than before: then what its old node said no longer counts.
void FetchFragments::NoticeMapChange(const PlacementGroup& group) {
  for (size_t i = 0; i < group.members.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state != Slot::kIdle || slot.node_id == 0) continue;
    if (slot.node_id != group.members[i].node_id) slot = Slot();
  }
}

uint32_t FetchFragments::PlanDirect(const PlacementGroup& group, Step* step) {
  uint32_t targets = 0;
  for (uint32_t i = 0; i < group.members.size(); ++i) {
    Slot& slot = slots_[i];
    const bool had = slot.state == Slot::kHave && slot.range.Contains(wanted_[i]);
    if (wanted_[i].empty() || had) continue;
    if (slot.state == Slot::kInFlight && slot.range.Contains(wanted_[i]) && !Late(slot)) continue;
    const bool fresh = slot.state == Slot::kIdle && !slot.lost && slot.failures == 0;
    if (fresh && group.members[i].status == pb::NODE_UP) {
      Ask(group, i, wanted_[i], step);
    } else {
      targets |= uint32_t{1} << i;
    }
  }
  return targets;
}

// Rebuilds the targets from k others over the columns that any of them needs, or asks for what that
// takes.
void FetchFragments::PlanRebuild(const PlacementGroup& group, uint32_t targets, Step* step) {
  ColumnRange columns;
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if (targets >> i & 1) columns = columns.Hull(wanted_[i]);
  }
  uint32_t sources = 0;
  int have = 0;
  int coming = 0;
  for (uint32_t i = 0; i < group.members.size(); ++i) {
    const Slot& slot = slots_[i];
    const ColumnRange stored = Stored(i, columns);
    if (stored.empty() || (slot.state == Slot::kHave && slot.range.Contains(stored))) {
      if (have++ < stripe_.spec->k) sources |= uint32_t{1} << i;
    } else if (slot.state == Slot::kInFlight && slot.range.Contains(stored) && !Late(slot)) {
      ++coming;
    }
  }
  if (have >= stripe_.spec->k) return Rebuild(targets, sources, columns);
  int more = stripe_.spec->k - have - coming;
  more -= AskMore(group, pb::NODE_UP, columns, more, step);
  AskMore(group, pb::NODE_DOWN, columns, more, step);
}

int FetchFragments::AskMore(const PlacementGroup& group, pb::NodeStatus status,
                            const ColumnRange& columns, int count, Step* step) {
  int asked = 0;
  for (uint32_t i = 0; i < group.members.size() && asked < count; ++i) {
    const Slot& slot = slots_[i];
    const ColumnRange stored = Stored(i, columns);
    if (group.members[i].status != status || slot.lost || stored.empty()) continue;
    if (slot.state == Slot::kInFlight || slot.retry_at_ms > NowMs()) continue;
    if (slot.state == Slot::kHave && slot.range.Contains(stored)) continue;
    Ask(group, i, stored.Hull(wanted_[i]), step);
    ++asked;
  }
  return asked;
}

void FetchFragments::Ask(const PlacementGroup& group, uint32_t index, const ColumnRange& range,
                         Step* step) {
  Slot& slot = slots_[index];
  slot.state = Slot::kInFlight;
  slot.range = range;
  slot.bytes = Buffer();
  slot.sent_ms = NowMs();
  slot.node_id = group.members[index].node_id;
  slot.ask = ++last_ask_;
  ++in_flight_;
  step->fetches.push_back({group.members[index].client, index, range, slot.ask});
}

void FetchFragments::Rebuild(uint32_t targets, uint32_t sources, const ColumnRange& columns) {
  std::vector<BufferList> lists;
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if ((sources >> i & 1) == 0) continue;
    const ColumnRange stored = Stored(i, columns);
    lists.emplace_back();
    if (stored.empty()) continue;
    const Slot& slot = slots_[i];
    lists.back().push_back(
        slot.bytes.Slice(stored.begin - slot.range.begin, stored.end - stored.begin));
  }
  std::vector<Buffer> rebuilt =
      RebuildColumns(*stripe_.spec, sources, lists, targets, columns.end - columns.begin);
  ClientMetrics::Get().rebuilt_fragments.Add(rebuilt.size());
  size_t next = 0;
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if ((targets >> i & 1) == 0) continue;
    Slot& slot = slots_[i];
    const Buffer whole = std::move(rebuilt[next++]);
    // A late answer that still comes is not needed any more; OnGet sees that by the state.
    slot.state = Slot::kHave;
    slot.range = wanted_[i];
    slot.bytes = whole.Slice(wanted_[i].begin - columns.begin, wanted_[i].end - wanted_[i].begin);
  }
}

void FetchFragments::PlanTimer(Step* step) {
  const int64_t now_ms = NowMs();
  int64_t next_ms = deadline_ms_;
  for (const Slot& slot : slots_) {
    if (slot.state == Slot::kInFlight && !Late(slot)) {
      next_ms = std::min(next_ms, slot.sent_ms + hedge_ms_);
    } else if (slot.state == Slot::kIdle && slot.retry_at_ms > now_ms) {
      next_ms = std::min(next_ms, slot.retry_at_ms);
    }
  }
  if (wake_at_ms_ <= now_ms) wake_at_ms_ = INT64_MAX;  // that one has fired
  if (next_ms >= wake_at_ms_) return;
  wake_at_ms_ = next_ms;
  step->wake_in_ms = next_ms - now_ms;
}

void FetchFragments::Answer(absl::StatusOr<Fragments> result, Step* step) {
  answered_ = true;
  in_flight_ -= static_cast<int>(step->fetches.size());  // not sent yet, and not needed
  step->fetches.clear();
  step->done = std::exchange(done_, nullptr);
  step->result = std::move(result);
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    slots_[i].bytes = Buffer();
    if (step->result.ok() && slots_[i].corrupt) step->corrupt |= uint32_t{1} << i;
  }
}

void FetchFragments::StartRepair(uint32_t corrupt) {
  if (!context_->BeginExtra()) return;
  const auto repaired = [context = context_](const absl::StatusOr<uint32_t>&) {
    context->EndExtra();  // if it failed, the next read tries again
  };
  std::make_shared<RepairBlob>(context_, *stripe_.spec, id_, stripe_.blob_length, corrupt, repaired)
      ->Start();
}

FetchFragments::Fragments FetchFragments::Collect() const {
  Fragments fragments;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const ColumnRange& want = wanted_[i];
    if (want.empty()) continue;
    fragments[i] = slot.bytes.Slice(want.begin - slot.range.begin, want.end - want.begin);
  }
  return fragments;
}

uint32_t FetchFragments::MissingMask() const {
  uint32_t mask = 0;
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    const Slot& slot = slots_[i];
    const bool had = slot.state == Slot::kHave && slot.range.Contains(wanted_[i]);
    if (!wanted_[i].empty() && !had) mask |= uint32_t{1} << i;
  }
  return mask;
}

int FetchFragments::LostCount(const PlacementGroup* group) const {
  int lost = 0;
  for (size_t i = 0; group != nullptr && i < group->members.size(); ++i) {
    if (stripe_.LengthOf(static_cast<int>(i)) == 0) continue;  // nothing in it to lose
    const bool gone = group->members[i].status == pb::NODE_GONE;
    if (slots_[i].state != Slot::kHave && (slots_[i].lost || gone)) ++lost;
  }
  return lost;
}

ColumnRange FetchFragments::Stored(uint32_t index, const ColumnRange& columns) const {
  const uint32_t length = stripe_.LengthOf(static_cast<int>(index));
  return {std::min(columns.begin, length), std::min(columns.end, length)};
}

void FetchFragments::OnGet(uint32_t index, uint64_t ask, absl::StatusOr<Buffer> bytes) {
  {
    MutexLock lock(mu_);
    Slot& slot = slots_[index];
    --in_flight_;
    if (slot.state == Slot::kInFlight && slot.ask == ask && !answered_) {
      const absl::Status& status = bytes.status();
      if (bytes.ok() && bytes->size() == slot.range.end - slot.range.begin) {
        slot.state = Slot::kHave;
        slot.bytes = *std::move(bytes);
        slot.failures = 0;
      } else {
        slot.state = Slot::kIdle;
        slot.lost =
            absl::IsNotFound(status) || absl::IsDataLoss(status) || absl::IsOutOfRange(status);
        slot.corrupt = absl::IsDataLoss(status);
        slot.retry_at_ms = NowMs() + BackoffMs(slot.failures++);
      }
    }
  }
  Wake();
}

}  // namespace openefs::datastore
