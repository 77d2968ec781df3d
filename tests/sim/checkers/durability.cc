#include "tests/sim/checkers/durability.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replication/raft/quorum.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

namespace raft = replication::raft;

void Durability::Durable(NodeId node, uint64_t index, uint64_t term) {
  if (index > committed_) holders_[{index, term}] |= uint64_t{1} << node;
}

void Durability::Forget(NodeId node, uint64_t index) {
  for (auto it = holders_.lower_bound({index, 0}); it != holders_.end(); ++it) {
    it->second &= ~(uint64_t{1} << node);
  }
}

void Durability::DurableUpTo(NodeId node, uint64_t index) {
  up_to_[node] = std::max(up_to_[node], index);
}

void Durability::Turned(const raft::Raft& core) {
  while (committed_ < core.commit_index()) {
    const uint64_t index = committed_ + 1;
    if (index >= core.log().first_index()) Check(core, index);
    committed_ = index;
  }
  holders_.erase(holders_.begin(), holders_.lower_bound({committed_ + 1, 0}));
}

// The configuration in effect, or the one before if committing this entry made the leader append
// the next.
void Durability::Check(const raft::Raft& core, uint64_t index) const {
  const uint64_t term = core.log().Term(index).value_or(0);
  const auto found = holders_.find({index, term});
  const uint64_t holders = found == holders_.end() ? 0 : found->second;
  const auto has = [&](NodeId node) {
    const auto up_to = up_to_.find(node);
    return (holders >> node & 1) != 0 || (up_to != up_to_.end() && up_to->second >= index);
  };
  if (raft::HasQuorum(core.configuration(), has)) return;
  const uint64_t before = std::max(core.configuration_index(), core.log().first_index()) - 1;
  if (raft::HasQuorum(core.ConfigurationAt(before), has)) return;
  throw Violation(absl::StrCat("durability: node ", core.id(), " takes entry ", index, " of term ",
                               term, " for committed, which is not on the disks of a quorum"));
}

}  // namespace openefs::sim
