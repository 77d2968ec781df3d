// Changes of members (Raft paper, section 6): a configuration follows from the one before it in the
// log, other voters come only through a joint one, and what is committed is so for all. Keeps those
// that may still count, for whoever decides what a group can bear to lose.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "replication/raft/raft.h"
#include "tests/sim/counts.h"

namespace openefs::sim {

class MembershipChecker {
 public:
  using Configuration = replication::raft::Configuration;

  // `single_steps`: configurations without a joint one between them are let pass. A planted fault
  // makes them, and what follows from it is to be found.
  MembershipChecker(bool single_steps, Counts* counts)
      : single_steps_(single_steps), counts_(counts) {}

  // The event loop of a node has taken a turn.
  void Turned(const replication::raft::Raft& core);

  // The last one that is committed, and all that were appended after it anywhere: some log may
  // still hold any of them. Without any before the first turn.
  std::vector<Configuration> Possible() const;
  // Whether any of them, ever, had this node.
  bool Had(NodeId node) const { return members_.contains(node); }

 private:
  using Position = std::pair<uint64_t, uint64_t>;  // index, term

  struct Seen {
    uint64_t index = 0;
    uint64_t term = 0;
    bool committed = false;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  void Appended(const replication::raft::Raft& core, Position position);
  bool Note(Position position, const Configuration& configuration);
  void Committed(const replication::raft::Raft& core, Position position);

  const bool single_steps_;
  Counts* const counts_;
  std::map<NodeId, Seen> seen_;
  std::map<Position, Configuration> possible_;
  std::map<uint64_t, Configuration> committed_;  // by index
  std::set<NodeId> members_;
};

}  // namespace openefs::sim
