// All that must hold of one group while a cluster runs, behind one face: the simulator tells what
// happens, each checker looks at its part and throws a Violation.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/types/span.h"
#include "replication/log/log_store.h"
#include "replication/node/group.h"
#include "replication/node/state_machine.h"
#include "tests/sim/checkers/committed_log.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/election_safety.h"
#include "tests/sim/checkers/membership.h"
#include "tests/sim/checkers/reference_store.h"
#include "tests/sim/checkers/votes.h"
#include "tests/sim/counts.h"
#include "tests/sim/options.h"

namespace openefs::sim {

class Checkers {
 public:
  Checkers(GroupId group, const SimOptions& options, Counts* counts);

  // A node has come up with this on disk; its store holds what the log up to `applied` made.
  void Started(NodeId node, const replication::raft::DurableState& durable, uint64_t hash);
  // The event loop of a node has taken a turn.
  void Turned(NodeId node, const replication::Group& group);
  // A write of its log is durable.
  void Persisted(NodeId node, const replication::GroupWrite& write);
  // A message leaves a node.
  void Sent(const pb::RaftMessage& message);
  void WillApply(NodeId node, absl::Span<const replication::CommittedEntry> entries);
  void Applied(NodeId node, uint64_t index, uint64_t hash);
  // A read barrier holds on a node that has applied up to `applied`; it was asked for when
  // `committed_then` was committed.
  void BarrierHeld(NodeId node, uint64_t applied, uint64_t committed_then) const;
  // A client was answered.
  void Acknowledged(const pb::SegmentRequest& request, const pb::SegmentResponse& response);

  ReferenceStore& reference() { return reference_; }
  const CommittedLog& committed() const { return committed_; }
  // As far as any replica knows, applied or not.
  uint64_t commit_index() const { return durability_.committed(); }
  const MembershipChecker& membership() const { return membership_; }
  size_t leaders() const { return elections_.leaders(); }

 private:
  void CheckState(NodeId node, uint64_t index, uint64_t hash) const;

  Counts* const counts_;
  ElectionSafety elections_;
  Votes votes_;
  Durability durability_;
  MembershipChecker membership_;
  CommittedLog committed_;
  ReferenceStore reference_;
};

}  // namespace openefs::sim
