#include "tests/sim/checkers/votes.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

void Votes::Granted(NodeId node, uint64_t term, NodeId candidate) {
  const auto [vote, is_new] = votes_.emplace(std::pair(node, term), candidate);
  if (vote->second == candidate) return;
  throw Violation(absl::StrCat("votes: node ", node, " votes for ", vote->second, " and for ",
                               candidate, " in term ", term));
}

}  // namespace openefs::sim
