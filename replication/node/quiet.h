// Quiet groups: a group in which nothing is outstanding sends and expects no heartbeats.
//
// The leader goes quiet when all followers that are alive have everything, committed and applied,
// and tells them (QUIET); they go quiet if they have it too. A quiet group does not tick. In place
// of its heartbeats stand those of the nodes: every sign of life from a node says how many quiet
// groups it leads that the receiver follows, and their sum. Whoever sees another sum, or hears no
// more of that node, wakes its groups that follow it, and they elect as ever. So a follower is
// quiet only as long as its leader vouches for just that, and a lost message delays but breaks
// nothing.
#pragma once

#include <cstdint>
#include <map>

#include "common/ids.h"

namespace openefs::replication {

// What one node says to, or expects of, another about quiet groups.
struct QuietVouch {
  uint32_t groups = 0;
  uint64_t sum = 0;

  // A mixture of both, so that other groups or terms practically never give the same sum.
  void Add(GroupId group, uint64_t term);

  friend bool operator==(const QuietVouch&, const QuietVouch&) = default;
};

// Whether a peer vouches for what its followers here believe. What is under way between the two
// makes them differ for a moment.
class QuietCheck {
 public:
  // With each sign of life; true: its groups here must wake.
  bool Differs(NodeId peer, const QuietVouch& said, const QuietVouch& expected);
  void Forget(NodeId peer) { differing_.erase(peer); }

 private:
  std::map<NodeId, int> differing_;  // signs of life in a row
};

}  // namespace openefs::replication
