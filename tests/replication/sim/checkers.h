// What must hold at every moment of a simulated run, apart from the workload that drives it.
// A broken promise is thrown as Violation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim_node.h"

namespace openefs::replication::sim {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Nodes = std::vector<std::unique_ptr<SimNode>>;

class Checkers {
 public:
  Checkers(const Nodes& nodes, raft::Configuration initial)
      : nodes_(nodes), configurations_{{0, std::move(initial)}} {}

  // Configurations without joint ones between them are let pass: a planted fault makes them, and
  // what follows from it is to be found.
  void AllowSingleSteps() { single_steps_ = true; }

  // After every input to a node.
  void Check(SimNode& node);
  // Before a message is handed to a node.
  void CheckMessage(const pb::RaftMessage& message);
  // Pairwise, so not at every step.
  void CheckLogMatching() const;

  void BarrierAsked(NodeId node, uint64_t id) { barriers_[{node, id}] = committed_.size(); }
  void Crashed(NodeId node);

  uint64_t committed() const { return committed_.size(); }
  size_t leaders_seen() const { return leader_of_term_.size(); }
  size_t barriers_held() const { return barriers_held_; }
  // Of the committed entries; the first one is the initial one.
  const std::map<uint64_t, raft::Configuration>& configurations() const { return configurations_; }
  size_t installed() const { return installed_; }

 private:
  void CheckElectionSafety(const SimNode& node);
  void CheckLeaderCompleteness(const SimNode& node) const;
  void CheckStateMachine(SimNode& node);
  void CheckCommitted(const SimNode& node);
  void CheckDurable(const SimNode& node, const raft::Entry& entry) const;
  void NoteConfiguration(const raft::Entry& entry);
  void CheckInstalled(SimNode& node);
  void CheckNobodyLeadsWithout(const raft::Entry& committed) const;
  void CheckBarriers(SimNode& node);

  const Nodes& nodes_;
  bool single_steps_ = false;
  std::map<uint64_t, NodeId> leader_of_term_;
  std::map<std::pair<NodeId, uint64_t>, NodeId> vote_of_;     // (voter, term) -> candidate
  std::vector<raft::Entry> committed_;                        // by index - 1
  std::vector<uint64_t> commit_terms_;                        // terms that committed them
  std::map<uint64_t, raft::Configuration> configurations_;    // by index
  std::map<std::pair<NodeId, uint64_t>, uint64_t> barriers_;  // -> what was committed when asked
  size_t barriers_held_ = 0;
  size_t installed_ = 0;
};

}  // namespace openefs::replication::sim
