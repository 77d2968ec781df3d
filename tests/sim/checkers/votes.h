// Each server votes for at most one candidate in a term (Raft paper, 5.2), whatever it forgets.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "common/ids.h"

namespace openefs::sim {

class Votes {
 public:
  // `node` tells `candidate` that it has its vote.
  void Granted(NodeId node, uint64_t term, NodeId candidate);

 private:
  std::map<std::pair<NodeId, uint64_t>, NodeId> votes_;
};

}  // namespace openefs::sim
