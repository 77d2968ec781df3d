#include "datastore/client/write_blob.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "datastore/client/client_metrics.h"
#include "datastore/codes/stripe.h"

namespace openefs::datastore {
namespace {

// How long a write that has its quorum waits for the puts still under way: as long again as the
// quorum took, within these bounds. Nearly always the last fragment comes within it, and what would
// cost a repair record, its removal and a check of the fragment costs a moment of waiting.
constexpr int64_t kMinGraceMs = 2;
constexpr int64_t kMaxGraceMs = 50;

}  // namespace

WriteBlob::WriteBlob(std::shared_ptr<ClientContext> context, BlobId id, const CodeSpec& spec,
                     BufferList bytes, int64_t deadline_ms, Done done)
    : context_(std::move(context)),
      id_(id),
      spec_(&spec),
      length_(static_cast<uint32_t>(TotalBytes(bytes))),
      deadline_ms_(deadline_ms),
      bytes_(std::move(bytes)),
      done_(std::move(done)) {}

void WriteBlob::Start() {
  context_->Begin(shared_from_this());
  const auto self = std::static_pointer_cast<WriteBlob>(shared_from_this());
  const Admission::Verdict verdict = context_->writes.Enter(
      length_, [weak = std::weak_ptr<WriteBlob>(self), context = context_, length = length_] {
        if (const std::shared_ptr<WriteBlob> waiting = weak.lock()) return waiting->Admitted();
        context->writes.Leave(length);  // it lost its patience
      });
  if (verdict == Admission::Verdict::kGo) return Admitted();
  if (verdict == Admission::Verdict::kRefused) {
    MutexLock lock(mu_);
    fatal_ = absl::ResourceExhaustedError("too many bytes wait to be written");
  }
  Wake();
}

void WriteBlob::Admitted() {
  bool too_late = false;
  {
    MutexLock lock(mu_);
    too_late = answered_;
    admitted_ = !too_late;
    if (!too_late) fragments_ = EncodeBlob(*spec_, std::exchange(bytes_, {}));
  }
  if (too_late) return context_->writes.Leave(length_);
  Wake();
}

void WriteBlob::Wake() {
  const std::shared_ptr<Operation> self = shared_from_this();
  Step step;
  {
    MutexLock lock(mu_);
    step = Plan();
  }
  if (step.wake_in_ms >= 0) context_->WakeAfter(step.wake_in_ms, self);
  for (Step::Send& send : step.sends) {
    send.client->Put(
        {id_, send.index}, std::move(send.bytes),
        [self, this, index = send.index](const absl::Status& status) { OnPut(index, status); });
  }
  if (step.leave) context_->writes.Leave(length_);
  if (step.done) step.done(std::move(step.result));
  if (step.ended) context_->End(this);
}

WriteBlob::Step WriteBlob::Plan() {
  Step step;
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group = placement->Find(id_.placement_group(), *spec_);
  if (!answered_ && group != nullptr) {
    const uint32_t durable = DurableMask(*group);
    if (!fatal_.ok()) {
      Answer(fatal_, &step);
    } else if (group->Acknowledges(durable) && !InGrace(&step)) {
      Answer(WrittenBlob{id_, length_, spec_->AllMask() & ~durable}, &step);
    }
  }
  if (!answered_ && (NowMs() >= deadline_ms_ || context_->stopping() || group == nullptr)) {
    Answer(absl::UnavailableError("not enough data nodes to write a blob"), &step);
  }
  if (!answered_) PlanSends(*group, &step);  // with a group: without one it was answered
  step.ended = answered_ && in_flight_ == 0;
  return step;
}

bool WriteBlob::InGrace(Step* step) {
  const int64_t now_ms = NowMs();
  if (grace_until_ms_ == 0) {
    grace_until_ms_ = now_ms + std::clamp(now_ms - started_ms_, kMinGraceMs, kMaxGraceMs);
  }
  if (in_flight_ == 0 || now_ms >= grace_until_ms_ || context_->stopping()) return false;
  WakeAt(grace_until_ms_, step);
  return true;
}

// The puts under way go on without us; what they do not bring is up to repair.
void WriteBlob::Answer(absl::StatusOr<WrittenBlob> result, Step* step) {
  answered_ = true;
  step->leave = admitted_;
  bytes_.clear();
  fragments_.clear();
  step->done = std::exchange(done_, nullptr);
  step->result = std::move(result);
}

uint32_t WriteBlob::DurableMask(const PlacementGroup& group) {
  uint32_t mask = 0;
  for (size_t i = 0; i < group.members.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state != Slot::kDurable) continue;
    if (slot.node_id == group.members[i].node_id) {
      mask |= uint32_t{1} << i;
    } else {
      slot = Slot();
    }
  }
  return mask;
}

// Sends what nodes that are up do not have yet. Those that are down are not worth a try: the map
// changes when they come back, and wakes us.
void WriteBlob::PlanSends(const PlacementGroup& group, Step* step) {
  const int64_t now_ms = NowMs();
  int64_t next_ms = deadline_ms_;
  for (uint32_t i = 0; i < group.members.size(); ++i) {
    Slot& slot = slots_[i];
    const GroupMember& member = group.members[i];
    if (!admitted_ || slot.state != Slot::kIdle || member.status != pb::NODE_UP) continue;
    if (slot.node_id == member.node_id && slot.retry_at_ms > now_ms) {
      next_ms = std::min(next_ms, slot.retry_at_ms);
      continue;
    }
    slot.state = Slot::kInFlight;
    slot.node_id = member.node_id;
    ++in_flight_;
    step->sends.push_back({member.client, i, fragments_[i]});
  }
  WakeAt(next_ms, step);
}

void WriteBlob::WakeAt(int64_t at_ms, Step* step) {
  const int64_t now_ms = NowMs();
  if (wake_at_ms_ <= now_ms) wake_at_ms_ = INT64_MAX;  // that one has fired
  if (at_ms >= wake_at_ms_) return;
  wake_at_ms_ = at_ms;
  step->wake_in_ms = at_ms - now_ms;
}

void WriteBlob::OnPut(uint32_t index, const absl::Status& status) {
  {
    MutexLock lock(mu_);
    Slot& slot = slots_[index];
    --in_flight_;
    if (status.ok()) {
      slot.state = Slot::kDurable;
    } else {
      ClientMetrics::Get().retried_puts.Add();
      slot.state = Slot::kIdle;
      slot.retry_at_ms = NowMs() + BackoffMs(slot.attempts++);
    }
    // Nobody else writes our id: these would not go away by themselves.
    if (absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status)) {
      fatal_ = absl::InternalError(absl::StrCat("fragment refused: ", status.message()));
    }
  }
  Wake();
}

}  // namespace openefs::datastore
