// One blob being written.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "datastore/client/blob_client.h"
#include "datastore/client/operation.h"

namespace openefs::datastore {

class WriteBlob final : public Operation {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)>;

  // `deadline_ms` as NowMs counts.
  WriteBlob(std::shared_ptr<ClientContext> context, BlobId id, const CodeSpec& spec,
            BufferList bytes, int64_t deadline_ms, Done done);

  void Start();
  void Wake() override;

 private:
  struct Slot {
    enum { kIdle, kInFlight, kDurable } state = kIdle;
    NodeId node_id = 0;  // whom it was sent to
    int attempts = 0;
    int64_t retry_at_ms = 0;
  };
  // What is to be done once the lock is released.
  struct Step {
    struct Send {
      std::shared_ptr<DataNodeClient> client;
      uint32_t index;
      BufferList bytes;
    };
    std::vector<Send> sends;
    Done done;  // null: not yet
    absl::StatusOr<WrittenBlob> result = absl::UnknownError("");
    int64_t wake_in_ms = -1;  // -1: no need
    bool leave = false;       // the admission
    bool ended = false;
  };

  void Admitted();
  Step Plan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanSends(const PlacementGroup& group, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // True while it is worth waiting for the puts that are under way beyond the quorum.
  bool InGrace(Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeAt(int64_t at_ms, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Answer(absl::StatusOr<WrittenBlob> result, Step* step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Forgets what is durable on nodes that the map has replaced since.
  uint32_t DurableMask(const PlacementGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnPut(uint32_t index, const absl::Status& status);

  // Constant.
  const std::shared_ptr<ClientContext> context_;
  const BlobId id_;
  const CodeSpec* const spec_;
  const uint32_t length_;
  const int64_t started_ms_ = NowMs();
  const int64_t deadline_ms_;

  Mutex mu_;
  bool admitted_ ABSL_GUARDED_BY(mu_) = false;
  BufferList bytes_ ABSL_GUARDED_BY(mu_);                   // until admitted
  std::vector<BufferList> fragments_ ABSL_GUARDED_BY(mu_);  // from then until answered
  std::array<Slot, kMaxFragments> slots_ ABSL_GUARDED_BY(mu_);
  Done done_ ABSL_GUARDED_BY(mu_);  // until answered
  bool answered_ ABSL_GUARDED_BY(mu_) = false;
  int in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t wake_at_ms_ ABSL_GUARDED_BY(mu_) = INT64_MAX;
  int64_t grace_until_ms_ ABSL_GUARDED_BY(mu_) = 0;  // set when the quorum is there
  absl::Status fatal_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::datastore
