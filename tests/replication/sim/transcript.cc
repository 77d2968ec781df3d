#include "transcript.h"

#include <algorithm>
#include <stdexcept>

namespace openefs::replication::sim {
namespace {

std::string Text(const raft::Entry& entry) {
  std::string text = std::to_string(entry.index) + "@" + std::to_string(entry.term);
  if (entry.kind == raft::EntryKind::kNoOp) return text + "(no-op)";
  return text + "(" + (entry.data == nullptr ? "" : *entry.data) + ")";
}

std::string Place(uint64_t index, uint64_t term) {
  return std::to_string(index) + "@" + std::to_string(term);
}

std::string ReplyText(const pb::RaftMessage& m) {
  using M = pb::RaftMessage;
  switch (m.type()) {
    case M::APPEND_REPLY:
      if (!m.reject()) return " has " + std::to_string(m.log_index());
      return " refuses at " + std::to_string(m.log_index()) + ", may agree at " +
             Place(m.reject_hint(), m.log_term());
    case M::HEARTBEAT_REPLY:
      if (m.reject()) return " refused";
      return m.read_barrier() == 0 ? "" : " barrier=" + std::to_string(m.read_barrier());
    default:
      return m.reject() ? " no" : " yes";
  }
}

std::string RequestText(const pb::RaftMessage& m) {
  using M = pb::RaftMessage;
  std::string text;
  if (m.type() == M::PRE_VOTE || m.type() == M::VOTE) {
    return " last=" + Place(m.log_index(), m.log_term());
  }
  if (m.type() == M::APPEND) text = " after=" + Place(m.log_index(), m.log_term());
  text += " commit=" + std::to_string(m.commit());
  for (const pb::RaftEntry& e : m.entries()) {
    text += " " + Text({e.index(), e.term(), static_cast<raft::EntryKind>(e.kind()),
                        std::make_shared<const std::string>(e.data())});
  }
  if (m.read_barrier() != 0) text += " barrier=" + std::to_string(m.read_barrier());
  return text;
}

std::string Text(const pb::RaftMessage& m) {
  using M = pb::RaftMessage;
  const bool reply = m.type() == M::PRE_VOTE_REPLY || m.type() == M::VOTE_REPLY ||
                     m.type() == M::APPEND_REPLY || m.type() == M::HEARTBEAT_REPLY;
  return std::to_string(m.from()) + "->" + std::to_string(m.to()) + " " + M::Type_Name(m.type()) +
         " term=" + std::to_string(m.term()) + (reply ? ReplyText(m) : RequestText(m));
}

std::string RoleText(const raft::Raft& core) {
  const std::string term = " in term " + std::to_string(core.term());
  switch (core.role()) {
    case raft::Role::kFollower:
      return core.leader() == 0 ? "has no leader" + term
                                : "follows " + std::to_string(core.leader()) + term;
    case raft::Role::kPreCandidate:
      return "asks for pre-votes" + term;
    case raft::Role::kCandidate:
      return "stands for election" + term;
    case raft::Role::kLeader:
      return "leads" + term;
  }
  return "";
}

std::vector<std::string> Split(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::pair<NodeId, NodeId> Link(const std::vector<std::string>& words) {
  if (words.size() < 2) return {0, 0};
  return {std::stoul(words[1]), std::stoul(words[1].substr(words[1].find("->") + 2))};
}

}  // namespace

std::string Transcript::Run(const std::string& command) {
  const Words words = Split(command);
  const std::string& verb = words.at(0);
  out_.str("");
  if (verb == "cluster") {
    Cluster(std::stoul(words.at(1)), words.size() > 2 ? std::stoul(words[2]) : 1024);
  } else if (verb == "tick") {
    SimNode& node = Node(words.at(1));
    for (int i = words.size() > 2 ? std::stoi(words[2]) : 1; i > 0; --i) {
      node.core().Tick();
      Settle(node);
    }
  } else if (verb == "campaign") {
    Node(words.at(1)).core().Campaign();
    Settle(Node(words.at(1)));
  } else if (verb == "propose") {
    std::vector<std::shared_ptr<const std::string>> batch;
    for (size_t i = 2; i < words.size(); ++i) {
      batch.push_back(std::make_shared<const std::string>(words[i]));
    }
    if (Node(words.at(1)).core().Propose(std::move(batch)) == 0) Say(words[1] + " refuses");
    Settle(Node(words.at(1)));
  } else if (verb == "barrier") {
    Node(words.at(1)).core().ReadBarrier(std::stoul(words.at(2)));
    Settle(Node(words.at(1)));
  } else if (verb == "deliver" || verb == "lose") {
    Deliver(Link(words).first, Link(words).second, verb == "lose");
  } else if (verb == "persist") {
    Persist(Node(words.at(1)));
  } else if (verb == "apply") {
    Apply(Node(words.at(1)));
  } else if (verb == "crash") {
    Node(words.at(1)).Crash(0);
    role_[Node(words[1]).id()] = "";
  } else if (verb == "restart") {
    Node(words.at(1)).Start(std::stoul(words[1]));
    Settle(Node(words.at(1)));
  } else if (verb == "cut") {
    cuts_.insert(std::minmax<NodeId>(Node(words.at(1)).id(), Node(words.at(2)).id()));
  } else if (verb == "heal") {
    cuts_.clear();
  } else if (verb == "run") {
    constexpr int kRounds = 200;  // a script that never comes to rest is wrong
    for (int i = 0; i < kRounds && RunOnce(); ++i) {
    }
  } else if (verb == "status") {
    Status();
  } else {
    throw std::invalid_argument("transcript: " + command);
  }
  return out_.str();
}

void Transcript::Cluster(size_t count, size_t append_entries) {
  raft::RaftOptions options;
  options.flight.max_append_entries = append_entries;
  raft::Configuration initial;
  for (NodeId id = 1; id <= count; ++id) initial.voters.push_back(id);
  options.heartbeat_ticks = 1;
  options.election_ticks = 5;
  for (const NodeId id : initial.voters) {
    options.id = id;
    nodes_.push_back(std::make_unique<SimNode>(id, options, initial));
    nodes_.back()->Start(id);
    role_[id] = RoleText(nodes_.back()->core());
  }
}

void Transcript::Settle(SimNode& node) {
  node.Drain(network_);
  NoteRole(node);
  for (const uint64_t id : std::exchange(node.released_barriers, {})) {
    Say(std::to_string(node.id()) + " barrier " + std::to_string(id) + " holds once " +
        std::to_string(node.handed_out()) + " is applied");
  }
  for (const uint64_t id : std::exchange(node.dropped_barriers, {})) {
    Say(std::to_string(node.id()) + " barrier " + std::to_string(id) + " is dropped");
  }
}

void Transcript::NoteRole(SimNode& node) {
  const std::string role = RoleText(node.core());
  if (std::exchange(role_[node.id()], role) != role) Say(std::to_string(node.id()) + " " + role);
}

// All that were sent before, in order, on one link or on all. from == 0: any.
void Transcript::Deliver(NodeId from, NodeId to, bool lose) {
  for (pb::RaftMessage& m : std::exchange(network_, {})) {
    if (from != 0 && (m.from() != from || m.to() != to)) {
      network_.push_back(std::move(m));
      continue;
    }
    SimNode& receiver = *nodes_[m.to() - 1];
    const bool lost =
        lose || !receiver.running() || cuts_.contains(std::minmax<NodeId>(m.from(), m.to()));
    Say(Text(m) + (lost ? " (lost)" : ""));
    if (lost) continue;
    receiver.core().Step(std::move(m));
    Settle(receiver);
  }
}

void Transcript::Persist(SimNode& node) {
  for (const SimNode::Write& write : node.writes()) {
    std::string line = std::to_string(node.id()) + " persists";
    if (write.hard_state.has_value()) {
      line += " term=" + std::to_string(write.hard_state->term) +
              " vote=" + std::to_string(write.hard_state->voted_for);
    }
    for (const raft::Entry& entry : write.entries) line += " " + Text(entry);
    if (write.id != 0) Say(line);
  }
  node.Sync(node.unsynced(), network_);
  Settle(node);
}

void Transcript::Apply(SimNode& node) {
  if (node.to_apply().empty()) return;
  std::string line = std::to_string(node.id()) + " applies";
  for (const raft::Entry& entry : node.to_apply()) line += " " + Text(entry);
  Say(line);
  node.Apply(node.unapplied());
  node.handed_out_entries.clear();
  Settle(node);
}

// False if there was nothing to do.
bool Transcript::RunOnce() {
  bool busy = !network_.empty();
  Deliver(0, 0, false);
  for (const auto& node : nodes_) {
    if (!node->running()) continue;
    busy |= node->unsynced() + node->unapplied() > 0;
    Persist(*node);
    Apply(*node);
  }
  return busy;
}

void Transcript::Status() {
  for (const auto& node : nodes_) {
    if (!node->running()) {
      Say(std::to_string(node->id()) + " is down");
      continue;
    }
    const raft::Raft& core = node->core();
    Say(std::to_string(node->id()) + " " + RoleText(core) +
        ", last=" + Place(core.log().last_index(), core.log().last_term()) +
        " commit=" + std::to_string(core.commit_index()) +
        " durable=" + std::to_string(core.log().stable_index()));
  }
}

}  // namespace openefs::replication::sim
