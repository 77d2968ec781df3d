// Election safety (Raft paper, figure 3): at most one leader in a term.
#pragma once

#include <cstdint>
#include <map>

#include "common/ids.h"

namespace openefs::sim {

class ElectionSafety {
 public:
  // True: this leader is new.
  bool Leads(NodeId node, uint64_t term);
  size_t leaders() const { return leader_of_term_.size(); }

 private:
  std::map<uint64_t, NodeId> leader_of_term_;
};

}  // namespace openefs::sim
