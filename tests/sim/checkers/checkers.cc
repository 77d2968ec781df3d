#include "tests/sim/checkers/checkers.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/checkers/leader_completeness.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

void Checkers::Started(NodeId node, uint64_t applied, uint64_t hash) {
  CheckState(node, applied, hash);
}

void Checkers::Turned(NodeId node, const replication::Group& group) {
  const replication::raft::Raft& core = group.core();
  if (!core.leads() || !elections_.Leads(node, core.term())) return;
  counts_->Add("leaders elected");
  CheckLeaderCompleteness(core, committed_);
}

void Checkers::WillApply(NodeId node, absl::Span<const replication::CommittedEntry> entries) {
  for (const replication::CommittedEntry& entry : entries) {
    if (!committed_.Applies(node, entry.index, entry.term, entry.data)) continue;
    counts_->Add("entries committed");
    reference_.Apply(entry.index, committed_.At(entry.index));
  }
}

void Checkers::Applied(NodeId node, uint64_t index, uint64_t hash) {
  CheckState(node, index, hash);
  counts_->Add("states compared");
}

void Checkers::CheckState(NodeId node, uint64_t index, uint64_t hash) const {
  if (index > reference_.applied_index()) {
    throw Violation(absl::StrCat("node ", node, " says that it has applied entry ", index,
                                 ", but only ", reference_.applied_index(), " are committed"));
  }
  if (hash == reference_.HashAt(index)) return;
  throw Violation(absl::StrCat("state equality: the store of node ", node, " after entry ", index,
                               " is not what the entries up to it make"));
}

void Checkers::Acknowledged(const pb::SegmentRequest& request,
                            const pb::SegmentResponse& response) {
  counts_->Add("mutations acknowledged");
  reference_.exactly_once().Acknowledged(request, response);
}

}  // namespace openefs::sim
