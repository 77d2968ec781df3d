#include "tests/sim/checkers/election_safety.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

bool ElectionSafety::Leads(NodeId node, uint64_t term) {
  const auto [found, added] = leader_of_term_.emplace(term, node);
  if (found->second != node) {
    throw Violation(absl::StrCat("election safety: nodes ", found->second, " and ", node,
                                 " lead in term ", term));
  }
  return added;
}

}  // namespace openefs::sim
