// What the service hands to replication with a batch of segments and gets back when the batch is
// applied on this node.
#pragma once

#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "proto/metadata.pb.h"
#include "replication/node/state_machine.h"

namespace openefs::metadata {

// One MetadataEntry on its way. The state machine fills `responses`, one per segment of the entry
// in order, before OnApplied; the applier's thread alone touches it until then.
class SegmentProposal final : public replication::ProposalContext {
 public:
  // OK: `responses` are complete. Otherwise as ProposalContext::OnDropped says. Runs once, on a
  // thread of the replica node; must not block.
  using Done = absl::AnyInvocable<void(absl::Status, std::vector<pb::SegmentResponse>)>;

  explicit SegmentProposal(Done done) : done_(std::move(done)) {}

  void OnApplied() override {
    std::exchange(done_, nullptr)(absl::OkStatus(), std::move(responses));
  }
  void OnDropped(const absl::Status& why) override { std::exchange(done_, nullptr)(why, {}); }

  std::vector<pb::SegmentResponse> responses;

 private:
  Done done_;
};

}  // namespace openefs::metadata
