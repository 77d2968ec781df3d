#include "transcript.h"

#include <algorithm>
#include <stdexcept>

namespace openefs::replication::sim {
namespace {

std::string Text(const raft::Entry& entry) {
  std::string text = std::to_string(entry.index) + "@" + std::to_string(entry.term);
  if (entry.kind == raft::EntryKind::kNoOp) return text + "(no-op)";
  if (entry.kind == raft::EntryKind::kConfiguration) {
    return text + "(voters " + raft::ToString(*raft::DecodeConfiguration(*entry.data)) + ")";
  }
  return text + "(" + (entry.data == nullptr ? "" : *entry.data) + ")";
}

std::string Place(uint64_t index, uint64_t term) {
  return std::to_string(index) + "@" + std::to_string(term);
}

// What a heartbeat carries and its answer echoes.
std::string Numbers(const pb::RaftMessage& m) {
  std::string text;
  if (m.read_barrier() != 0) text += " barrier=" + std::to_string(m.read_barrier());
  if (m.lease_time() != 0) text += " time=" + std::to_string(m.lease_time());
  return text;
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
      return Numbers(m);
    default:
      return m.reject() ? " no" : " yes";
  }
}

std::string RequestText(const pb::RaftMessage& m) {
  using M = pb::RaftMessage;
  std::string text;
  if (m.type() == M::PRE_VOTE || m.type() == M::VOTE) {
    return " last=" + Place(m.log_index(), m.log_term()) + (m.transfer() ? " transfer" : "");
  }
  if (m.type() == M::TIMEOUT_NOW) return "";
  if (m.type() == M::APPEND) text = " after=" + Place(m.log_index(), m.log_term());
  text += " commit=" + std::to_string(m.commit());
  for (const pb::RaftEntry& e : m.entries()) {
    text += " " + Text({e.index(), e.term(), static_cast<raft::EntryKind>(e.kind()),
                        std::make_shared<const std::string>(e.data())});
  }
  return text + Numbers(m);
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

// "1,2,3"
std::vector<NodeId> Ids(const std::string& text) {
  std::vector<NodeId> ids;
  std::istringstream in(text);
  for (std::string id; std::getline(in, id, ',');) ids.push_back(std::stoul(id));
  return ids;
}

std::pair<NodeId, NodeId> Link(const std::vector<std::string>& words) {
  if (words.size() < 2) return {0, 0};
  return {std::stoul(words[1]), std::stoul(words[1].substr(words[1].find("->") + 2))};
}

}  // namespace

const std::map<std::string, Transcript::Command>& Transcript::Commands() {
  static const auto* commands = new std::map<std::string, Command>{
      {"lead", &Transcript::Lead},
      {"cluster", &Transcript::Cluster},
      {"tick", &Transcript::Tick},
      {"campaign", &Transcript::Campaign},
      {"propose", &Transcript::Propose},
      {"barrier", &Transcript::Barrier},
      {"time", &Transcript::Time},
      {"configure", &Transcript::Configure},
      {"transfer", &Transcript::Transfer},
      {"deliver", &Transcript::Deliver},
      {"lose", &Transcript::Deliver},
      {"compact", &Transcript::Compact},
      {"snapshot", &Transcript::SendSnapshot},
      {"keep", &Transcript::Keep},
      {"offer", &Transcript::Offer},
      {"crash", &Transcript::Crash},
      {"restart", &Transcript::Restart},
      {"cut", &Transcript::Cut},
      {"run", &Transcript::RunAll},
  };
  return *commands;
}

std::string Transcript::Run(const std::string& command) {
  const Words words = Split(command);
  const std::string& verb = words.at(0);
  out_.str("");
  if (const auto found = Commands().find(verb); found != Commands().end()) {
    (this->*found->second)(words);
  } else if (verb == "persist") {
    Persist(Node(words.at(1)));
  } else if (verb == "apply") {
    Apply(Node(words.at(1)));
  } else if (verb == "install") {
    Install(Node(words.at(1)));
  } else if (verb == "heal") {
    cuts_.clear();
  } else if (verb == "status") {
    Status();
  } else {
    throw std::invalid_argument("transcript: " + command);
  }
  return out_.str();
}

void Transcript::Cluster(const Words& words) {
  raft::RaftOptions options;
  options.heartbeat_ticks = 1;
  options.election_ticks = 5;
  raft::Configuration initial;
  const NodeId count = std::stoul(words.at(1));
  for (NodeId id = 1; id <= count; ++id) initial.voters.push_back(id);
  for (size_t i = 2; i < words.size(); ++i) {
    const std::string value = words[i].substr(words[i].find('=') + 1);
    if (words[i].starts_with("voters=")) initial.voters = Ids(value);
    if (words[i].starts_with("entries=")) options.flight.max_append_entries = std::stoul(value);
    if (words[i].starts_with("backlog=")) options.max_unapplied_to_lead = std::stoul(value);
    if (words[i] == "lease") options.lease = {.tick_us = 10, .max_drift_percent = 0};
  }
  for (NodeId id = 1; id <= count; ++id) {
    options.id = id;
    const bool member = initial.IsVoter(id);
    nodes_.push_back(
        std::make_unique<SimNode>(id, options, member ? initial : raft::Configuration()));
    nodes_.back()->Start(id);
    role_[id] = RoleText(nodes_.back()->core());
  }
}

void Transcript::Tick(const Words& words) {
  SimNode& node = Node(words.at(1));
  for (int i = words.size() > 2 ? std::stoi(words[2]) : 1; i > 0; --i) {
    node.core().Tick();
    Settle(node);
  }
}

void Transcript::Campaign(const Words& words) {
  Node(words.at(1)).core().Campaign();
  Settle(Node(words.at(1)));
}

void Transcript::Lead(const Words& words) {
  Campaign(words);
  RunAll(words);
  out_.str("");
  const SimNode& node = Node(words.at(1));
  Say(words[1] + " " + RoleText(node.core()) +
      ", commit=" + std::to_string(node.core().commit_index()));
}

void Transcript::Propose(const Words& words) {
  std::vector<std::shared_ptr<const std::string>> batch;
  for (size_t i = 2; i < words.size(); ++i) {
    batch.push_back(std::make_shared<const std::string>(words[i]));
  }
  if (Node(words.at(1)).core().Propose(std::move(batch)) == 0) Say(words[1] + " refuses");
  Settle(Node(words.at(1)));
}

void Transcript::Barrier(const Words& words) {
  raft::Raft& core = Node(words.at(1)).core();
  if (words.size() > 3) core.OnTime(std::stoul(words[3]));
  core.ReadBarrier(std::stoul(words.at(2)));
  Settle(Node(words.at(1)));
}

void Transcript::Time(const Words& words) {
  Node(words.at(1)).core().OnTime(std::stoul(words.at(2)));
}

void Transcript::Configure(const Words& words) {
  raft::Configuration target;
  target.voters = Ids(words.at(2));
  if (words.size() > 3) target.learners = Ids(words[3]);
  SimNode& node = Node(words.at(1));
  if (node.core().ProposeConfiguration(std::move(target)) == 0) Say(words[1] + " refuses");
  Settle(node);
}

void Transcript::Transfer(const Words& words) {
  SimNode& node = Node(words.at(1));
  if (!node.core().TransferLeadership(Node(words.at(2)).id())) Say(words[1] + " refuses");
  Settle(node);
}

void Transcript::Deliver(const Words& words) {
  Deliver(Link(words).first, Link(words).second, words[0] == "lose");
}

void Transcript::Compact(const Words& words) {
  SimNode& node = Node(words.at(1));
  node.Flush();
  node.Compact(true);
  Say(words[1] + " has a log from " + std::to_string(node.core().log().first_index()) + " on");
}

void Transcript::SendSnapshot(const Words& words) {
  SimNode& from = Node(words.at(1));
  SimNode& to = Node(words.at(2));
  const auto snapshot = from.MakeSnapshot();
  const bool cut = !to.running() || cuts_.contains(std::minmax<NodeId>(from.id(), to.id()));
  const bool lost = words.size() > 3 || cut || !snapshot.has_value();
  requests_.erase({from.id(), to.id()});
  if (!lost) Offer(to, *snapshot);
  from.core().OnSnapshotSent(to.id(), lost ? 0 : snapshot->meta.index);
  Settle(from);
}

void Transcript::Keep(const Words& words) {
  kept_[words.at(2)] = Node(words.at(1)).MakeSnapshot().value();
}

void Transcript::Offer(const Words& words) { Offer(Node(words.at(1)), kept_.at(words.at(2))); }

void Transcript::Offer(SimNode& node, const Snapshot& snapshot) {
  const std::string name = "a snapshot of " + Place(snapshot.meta.index, snapshot.meta.term);
  const bool wanted = node.Receive(snapshot);
  Say(std::to_string(node.id()) + (wanted ? " begins to install " : " does not want ") + name);
  Settle(node);
}

void Transcript::Install(SimNode& node) {
  node.FinishInstall(network_);
  Say(std::to_string(node.id()) + " has installed " + std::to_string(node.applied().size()) +
      ", voters " + raft::ToString(node.core().configuration()));
  Settle(node);
}

void Transcript::Crash(const Words& words) {
  SimNode& node = Node(words.at(1));
  node.Crash(0, false);
  role_[node.id()] = "";
}

void Transcript::Restart(const Words& words) {
  Node(words.at(1)).Start(std::stoul(words[1]));
  Settle(Node(words[1]));
}

void Transcript::Cut(const Words& words) {
  cuts_.insert(std::minmax<NodeId>(Node(words.at(1)).id(), Node(words.at(2)).id()));
}

void Transcript::RunAll(const Words&) {
  constexpr int kRounds = 200;  // a script that never comes to rest is wrong
  for (int i = 0; i < kRounds && RunOnce(); ++i) {
  }
}

void Transcript::Settle(SimNode& node) {
  node.Drain(network_);
  NoteRole(node);
  if (const auto news = std::exchange(node.configuration_news, std::nullopt)) {
    Say(std::to_string(node.id()) + " has voters " + raft::ToString(news->configuration) +
        " as of " + std::to_string(news->index) + (news->committed ? ", committed" : ""));
  }
  for (const auto& request : std::exchange(node.snapshot_requests, {})) {
    requests_.insert({node.id(), request.follower});
    Say(std::to_string(node.id()) + " is to send a snapshot to " +
        std::to_string(request.follower));
  }
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

bool Transcript::AnswerRequests(SimNode& node) {
  bool any = false;
  for (const auto& [from, to] : std::set(requests_)) {
    if (from != node.id()) continue;
    any = true;
    SendSnapshot({"", std::to_string(from), std::to_string(to)});
  }
  return any;
}

// False if there was nothing to do.
bool Transcript::RunOnce() {
  bool busy = !network_.empty();
  Deliver(0, 0, false);
  for (const auto& node : nodes_) {
    if (!node->running()) continue;
    busy |= node->unsynced() + node->unapplied() > 0 || node->installing();
    Persist(*node);
    Apply(*node);
    if (node->installing()) Install(*node);
    busy |= AnswerRequests(*node);
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
