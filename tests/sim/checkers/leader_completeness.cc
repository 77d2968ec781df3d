#include "tests/sim/checkers/leader_completeness.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

void CheckLeaderCompleteness(const replication::raft::Raft& leader, const CommittedLog& committed) {
  const replication::raft::LogView& log = leader.log();
  for (uint64_t i = log.first_index(); i <= committed.last_index(); ++i) {
    // A leader of an old term may come late to know what was committed since.
    if (committed.At(i).term > leader.term()) return;
    if (i <= log.last_index() && log.Term(i) == committed.At(i).term) continue;
    throw Violation(absl::StrCat("leader completeness: node ", leader.id(), " leads term ",
                                 leader.term(), " without committed entry ", i, " of term ",
                                 committed.At(i).term));
  }
}

}  // namespace openefs::sim
