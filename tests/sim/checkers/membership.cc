#include "tests/sim/checkers/membership.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

namespace raft = replication::raft;

bool Follows(const raft::Configuration& before, const raft::Configuration& now) {
  if (before.joint()) return now == raft::FinalOf(before);
  return now.joint() ? now.voters_outgoing == before.voters : now.voters == before.voters;
}

}  // namespace

void MembershipChecker::Turned(const raft::Raft& core) {
  const uint64_t index = core.configuration_index();
  // Before the front of a log the entry itself is not known, only that it is committed.
  if (index < core.log().first_index()) {
    if (index == 0 && seen_.empty()) Note({0, 0}, core.ConfigurationAt(0));
    return;
  }
  const Seen now{index, core.log().Term(index).value_or(0), core.configuration_committed()};
  Seen& last = seen_[core.id()];
  if (last == now) return;
  if (now.index < last.index) counts_->Add("configurations rolled back");
  last = now;
  Appended(core, {now.index, now.term});
  if (now.committed) Committed(core, {now.index, now.term});
}

void MembershipChecker::Appended(const raft::Raft& core, Position position) {
  const Configuration& now = core.ConfigurationAt(position.first);
  const Configuration& before = core.ConfigurationAt(position.first - 1);
  if (!single_steps_ && !Follows(before, now)) {
    throw Violation(absl::StrCat("membership: ", raft::ToString(now), " in entry ", position.first,
                                 " does not follow from ", raft::ToString(before)));
  }
  const bool over = !committed_.empty() && position.first <= committed_.rbegin()->first;
  if (over) return;
  if (Note(position, now)) counts_->Add(now.joint() ? "joint configurations" : "configurations");
}

// True: it is new.
bool MembershipChecker::Note(Position position, const Configuration& configuration) {
  const auto [known, is_new] = possible_.emplace(position, configuration);
  if (known->second != configuration) {
    throw Violation(absl::StrCat("membership: two configurations in entry ", position.first,
                                 " of term ", position.second));
  }
  for (const NodeId member : configuration.Members()) members_.insert(member);
  return is_new;
}

void MembershipChecker::Committed(const raft::Raft& core, Position position) {
  const Configuration& now = core.ConfigurationAt(position.first);
  const auto [known, is_new] = committed_.emplace(position.first, now);
  if (known->second != now) {
    throw Violation(absl::StrCat("membership: node ", core.id(), " takes ", raft::ToString(now),
                                 " for committed in entry ", position.first, ", it was ",
                                 raft::ToString(known->second)));
  }
  if (!is_new) return;
  counts_->Add("configurations committed");
  if (core.ConfigurationAt(position.first - 1).joint()) counts_->Add("joint changes completed");
  std::erase_if(possible_, [&](const auto& item) {
    return item.first.first <= position.first && item.first != position;
  });
}

std::vector<raft::Configuration> MembershipChecker::Possible() const {
  std::vector<Configuration> possible;
  for (const auto& [position, configuration] : possible_) possible.push_back(configuration);
  return possible;
}

}  // namespace openefs::sim
