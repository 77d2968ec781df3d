#include "tests/sim/checkers/checkers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/checkers/leader_completeness.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

namespace {

using RaftBug = replication::raft::PlantedBug;

}  // namespace

Checkers::Checkers(GroupId group, const SimOptions& options, Counts* counts)
    : counts_(counts),
      membership_(
          options.planted_raft == static_cast<int64_t>(RaftBug::kConfigurationWhenCommitted),
          counts),
      reference_(group) {}

void Checkers::Started(NodeId node, const replication::raft::DurableState& durable, uint64_t hash) {
  CheckState(node, durable.applied_index, hash);
  durability_.Forget(node, 0);
  durability_.DurableUpTo(node, std::max(durable.applied_index, durable.log.first_index - 1));
  const auto& terms = durable.log.terms;
  for (size_t i = 0; i < terms.size(); ++i) {
    const uint64_t end = i + 1 < terms.size() ? terms[i + 1].index : durable.log.last_index + 1;
    for (uint64_t index = terms[i].index; index < end; ++index) {
      durability_.Durable(node, index, terms[i].term);
    }
  }
}

void Checkers::Persisted(NodeId node, const replication::GroupWrite& write) {
  if (!write.entries.empty()) durability_.Forget(node, write.entries.front().index);
  for (const auto& entry : write.entries) durability_.Durable(node, entry.index, entry.term);
  if (write.reset.has_value()) durability_.DurableUpTo(node, write.reset->index);
}

void Checkers::Sent(const pb::RaftMessage& message) {
  if (message.type() != pb::RaftMessage::VOTE_REPLY || message.reject()) return;
  counts_->Add("votes granted");
  votes_.Granted(message.from(), message.term(), message.to());
}

void Checkers::BarrierHeld(NodeId node, uint64_t applied, uint64_t committed_then) const {
  counts_->Add("read barriers held");
  if (applied >= committed_then) return;
  throw Violation(absl::StrCat("read barrier: node ", node, " has applied entry ", applied,
                               ", and ", committed_then, " was committed when it was asked"));
}

void Checkers::Turned(NodeId node, const replication::Group& group) {
  const replication::raft::Raft& core = group.core();
  durability_.Turned(core);
  membership_.Turned(core);
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
