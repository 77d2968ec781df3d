// Transcripts: scripts of inputs to a few cores, with everything they say and do below each, in
// text files that a person can read (testdata/*.txt). A line that begins with "> " is a command:
//
//   cluster N [KEY=VALUE...]
//                         N fresh nodes. voters=1,2,3: others wait to be added. entries=E: at most
//                         E in an append. backlog=B: who has more than B entries to apply stands
//                         for no election. lease: read leases of 40 us, ticks 10 us apart
//   tick I [COUNT]        time passes on node I
//   campaign I            node I stands for election now
//   lead I                the same, and all that follows from it until nothing is left to do, of
//   which
//                         only the result is told
//   propose I VALUE...    one entry each, in one batch
//   barrier I ID [US]     a linearizable read is asked of node I, when its clock shows US
//   time I US             the clock of node I shows US
//   configure I V,V [L,L] node I is asked to make these the voters and learners of the group
//   transfer I J          node I is asked to hand leadership to J
//   deliver [A->B]        messages sent so far arrive (those from A to B)
//   lose [A->B]           they do not
//   persist I             everything node I has handed to its disk becomes durable
//   apply I               its state machine catches up
//   compact I             its log is cut up to what is applied
//   snapshot I J [lost]   node I sends its state to J, where it is whole then, or it is not
//   keep I NAME / offer J NAME
//                         node I's state is set aside / turns up at J, sent by nobody
//   install I             node I has put the snapshot in the place of its state and log
//   crash I               node I stops; what was not durable is gone
//   restart I             from its disk
//   cut A B / heal        messages between A and B are lost / no more
//   run                   deliver, persist, apply, send snapshots that are asked for and install
//                         them everywhere until nothing is left to do
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

  using Command = void (Transcript::*)(const Words& words);
  static const std::map<std::string, Command>& Commands();

  void Cluster(const Words& words);
  void Tick(const Words& words);
  void Campaign(const Words& words);
  void Lead(const Words& words);
  void Propose(const Words& words);
  void Barrier(const Words& words);
  void Time(const Words& words);
  void Configure(const Words& words);
  void Transfer(const Words& words);
  void Deliver(const Words& words);
  void Compact(const Words& words);
  void SendSnapshot(const Words& words);
  void Keep(const Words& words);
  void Offer(const Words& words);
  void Crash(const Words& words);
  void Restart(const Words& words);
  void Cut(const Words& words);
  void RunAll(const Words& words);

  void Deliver(NodeId from, NodeId to, bool lose);
  void Persist(SimNode& node);
  void Apply(SimNode& node);
  void Offer(SimNode& node, const Snapshot& snapshot);
  void Install(SimNode& node);
  bool AnswerRequests(SimNode& node);
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
  std::map<std::string, Snapshot> kept_;
  std::set<std::pair<NodeId, NodeId>> requests_;  // of snapshots: (from, to)
  std::ostringstream out_;
};

}  // namespace openefs::replication::sim
