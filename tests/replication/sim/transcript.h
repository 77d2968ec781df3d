// Transcripts: scripts of inputs to a few cores, with everything they say and do below each, in
// text files that a person can read (testdata/*.txt). A line that begins with "> " is a command:
//
//   cluster N [E]         N fresh nodes, at most E entries in an append
//   tick I [COUNT]        time passes on node I
//   campaign I            node I stands for election now
//   propose I VALUE...    one entry each, in one batch
//   barrier I ID          a linearizable read is asked of node I
//   deliver [A->B]        messages sent so far arrive (those from A to B)
//   lose [A->B]           they do not
//   persist I             everything node I has handed to its disk becomes durable
//   apply I               its state machine catches up
//   crash I               node I stops; what was not durable is gone
//   restart I             from its disk
//   cut A B / heal        messages between A and B are lost / no more
//   run                   deliver, persist and apply everywhere until nothing is left to do
//   status                a line for each node
//
// Lines that begin with "#" are comments.
#pragma once

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "checkers.h"
#include "sim_node.h"

namespace openefs::replication::sim {

class Transcript {
 public:
  // The lines that `command` leads to.
  std::string Run(const std::string& command);

 private:
  using Words = std::vector<std::string>;

  void Cluster(size_t count, size_t append_entries);
  void Deliver(NodeId from, NodeId to, bool lose);
  void Persist(SimNode& node);
  void Apply(SimNode& node);
  bool RunOnce();
  void Status();

  void Settle(SimNode& node);
  void NoteRole(SimNode& node);
  void Say(const std::string& line) { out_ << line << '\n'; }
  SimNode& Node(const std::string& word) { return *nodes_.at(std::stoul(word) - 1); }

  Nodes nodes_;
  std::map<NodeId, std::string> role_;
  std::vector<pb::RaftMessage> network_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::ostringstream out_;
};

}  // namespace openefs::replication::sim
