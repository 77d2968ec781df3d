// State machine safety (Raft paper, figure 3): all nodes apply the same entry at an index. What was
// applied anywhere is committed; this keeps it all, for the other checkers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/ids.h"

namespace openefs::sim {

class CommittedLog {
 public:
  struct Entry {
    uint64_t term = 0;
    std::string data;
  };

  // `node` applies this entry. True: nobody has before.
  bool Applies(NodeId node, uint64_t index, uint64_t term, absl::string_view data);

  uint64_t last_index() const { return entries_.size(); }
  const Entry& At(uint64_t index) const { return entries_[index - 1]; }  // from 1

 private:
  std::vector<Entry> entries_;
};

}  // namespace openefs::sim
