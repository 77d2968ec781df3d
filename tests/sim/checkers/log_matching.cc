#include "tests/sim/checkers/log_matching.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

using replication::raft::Raft;

void CheckPair(const Raft& a, const Raft& b) {
  const uint64_t first = std::max(a.log().first_index(), b.log().first_index());
  const uint64_t last = std::min(a.log().last_index(), b.log().last_index());
  bool agreed = false;
  for (uint64_t i = last; i >= first; --i) {
    const bool agree = a.log().Term(i) == b.log().Term(i);
    if (agreed && !agree) {
      throw Violation(absl::StrCat("log matching: nodes ", a.id(), " and ", b.id(),
                                   " agree after entry ", i, " and differ in it"));
    }
    agreed = agree;
  }
}

}  // namespace

void CheckLogMatching(const std::vector<const Raft*>& cores) {
  for (size_t i = 0; i < cores.size(); ++i) {
    for (size_t j = i + 1; j < cores.size(); ++j) CheckPair(*cores[i], *cores[j]);
  }
}

}  // namespace openefs::sim
