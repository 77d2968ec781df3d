#include "tests/sim/checkers/committed_log.h"

#include "absl/strings/str_cat.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {

bool CommittedLog::Applies(NodeId node, uint64_t index, uint64_t term, absl::string_view data) {
  if (index > last_index() + 1) {
    throw Violation(absl::StrCat("state machine safety: node ", node, " applies entry ", index,
                                 " where ", last_index() + 1, " is next"));
  }
  if (index == last_index() + 1) {
    entries_.push_back({term, std::string(data)});
    return true;
  }
  const Entry& known = At(index);
  if (known.term != term || known.data != data) {
    throw Violation(absl::StrCat("state machine safety: node ", node, " applies entry ", index,
                                 " of term ", term, ", which was applied as one of term ",
                                 known.term, known.term == term ? " with other data" : ""));
  }
  return false;
}

}  // namespace openefs::sim
