// All that must hold while a cluster runs, behind one face: the simulator tells what happens, each
// checker looks at its part and throws a Violation.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/types/span.h"
#include "replication/log/log_store.h"
#include "replication/node/group.h"
#include "replication/node/state_machine.h"
#include "tests/sim/checkers/committed_log.h"
#include "tests/sim/checkers/election_safety.h"
#include "tests/sim/checkers/reference_store.h"
#include "tests/sim/counts.h"

namespace openefs::sim {

class Checkers {
 public:
  explicit Checkers(Counts* counts) : counts_(counts) {}

  // A node has come up; its store holds what the log up to `applied` made.
  void Started(NodeId node, uint64_t applied, uint64_t hash);
  // The event loop of a node has taken a turn.
  void Turned(NodeId node, const replication::Group& group);
  void WillApply(NodeId node, absl::Span<const replication::CommittedEntry> entries);
  void Applied(NodeId node, uint64_t index, uint64_t hash);
  // A client was answered.
  void Acknowledged(const pb::SegmentRequest& request, const pb::SegmentResponse& response);

  ReferenceStore& reference() { return reference_; }
  const CommittedLog& committed() const { return committed_; }
  size_t leaders() const { return elections_.leaders(); }

 private:
  void CheckState(NodeId node, uint64_t index, uint64_t hash) const;

  Counts* const counts_;
  ElectionSafety elections_;
  CommittedLog committed_;
  ReferenceStore reference_;
};

}  // namespace openefs::sim
