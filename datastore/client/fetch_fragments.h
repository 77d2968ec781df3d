// Gets ranges of fragments of one blob, whatever it takes: directly where that works, from any k
// others where a fragment is missing, corrupt, slow or its node is down. Reading and repairing a
// blob are both this.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "datastore/client/operation.h"
#include "datastore/codes/stripe.h"

namespace openefs::datastore {

// Bytes [begin, end) of a fragment, or columns [begin, end) of a stripe.
struct ColumnRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  bool empty() const { return begin >= end; }
  bool Contains(const ColumnRange& other) const {
    return other.empty() || (begin <= other.begin && other.end <= end);
  }
  // The smallest range that holds both.
  ColumnRange Hull(const ColumnRange& other) const;
};

struct FetchRequest {
  BlobId id;
  uint32_t blob_length = 0;
  std::array<ColumnRange, kMaxFragments> wanted;  // within each fragment's stored length
  uint32_t lost_mask = 0;                         // known to be missing: not asked for
};

class FetchFragments final : public Operation {
 public:
  // The ranges wanted, by fragment; empty buffers for the others.
  using Fragments = std::array<Buffer, kMaxFragments>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<Fragments>)>;

  FetchFragments(std::shared_ptr<ClientContext> context, const CodeSpec& spec,
                 const FetchRequest& request, Done done);

  void Start();
  void Wake() override;

 private:
  struct Slot {
    enum { kIdle, kInFlight, kHave } state = kIdle;
    ColumnRange range;  // in flight or had
    Buffer bytes;
    int64_t sent_ms = 0;
    uint64_t ask = 0;    // tells the answer to this question from those to earlier ones
    NodeId node_id = 0;  // whom it was asked of last
    int failures = 0;    // in a row, but for lost
    int64_t retry_at_ms = 0;
    bool lost = false;     // the node says that it does not have it, or not whole
    bool corrupt = false;  // not whole
  };
  struct Step {
    struct Fetch {
      std::shared_ptr<DataNodeClient> client;
      uint32_t index;
      ColumnRange range;
      uint64_t ask;
    };
    std::vector<Fetch> fetches;
    Done done;  // null: not yet
    absl::StatusOr<Fragments> result = absl::UnknownError("");
    int64_t wake_in_ms = -1;  // -1: no need
    bool ended = false;
    uint32_t corrupt = 0;  // fragments that are worth a repair
  };

  Step Plan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoticeMapChange(const PlacementGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Asks for what is wanted and can be had directly; returns the mask of what must be rebuilt.
  uint32_t PlanDirect(const PlacementGroup& group, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanRebuild(const PlacementGroup& group, uint32_t targets, Step* step)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Asks up to `count` more fragments for `columns`; those whose node is `status`.
  int AskMore(const PlacementGroup& group, pb::NodeStatus status, const ColumnRange& columns,
              int count, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Ask(const PlacementGroup& group, uint32_t index, const ColumnRange& range, Step* step)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Rebuild(uint32_t targets, uint32_t sources, const ColumnRange& columns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanTimer(Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Somebody has to: nothing else may notice a corrupt fragment for a long time.
  void StartRepair(uint32_t corrupt);
  void Answer(absl::StatusOr<Fragments> result, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Fragments Collect() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  uint32_t MissingMask() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int LostCount(const PlacementGroup* group) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Late(const Slot& slot) const { return NowMs() - slot.sent_ms >= hedge_ms_; }
  // The part of `columns` that fragment `index` stores.
  ColumnRange Stored(uint32_t index, const ColumnRange& columns) const;
  void OnGet(uint32_t index, uint64_t ask, absl::StatusOr<Buffer> bytes);

  // Constant.
  const std::shared_ptr<ClientContext> context_;
  const BlobId id_;
  const Stripe stripe_;
  const std::array<ColumnRange, kMaxFragments> wanted_;
  const int64_t hedge_ms_;
  const int64_t deadline_ms_;

  Mutex mu_;
  std::array<Slot, kMaxFragments> slots_ ABSL_GUARDED_BY(mu_);
  Done done_ ABSL_GUARDED_BY(mu_);  // until answered
  bool answered_ ABSL_GUARDED_BY(mu_) = false;
  int in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_ask_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t wake_at_ms_ ABSL_GUARDED_BY(mu_) = INT64_MAX;
};

}  // namespace openefs::datastore
