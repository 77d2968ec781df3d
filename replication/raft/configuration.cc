#include "replication/raft/configuration.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"
#include "proto/raft.pb.h"

namespace openefs::replication::raft {
namespace {

bool In(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

void Normalize(std::vector<NodeId>& nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
}

std::vector<NodeId> Union(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  std::vector<NodeId> all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

std::string List(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ",") + std::to_string(node);
  return text;
}

}  // namespace

bool Configuration::IsIncomingVoter(NodeId node) const { return In(voters, node); }

bool Configuration::IsVoter(NodeId node) const {
  return In(voters, node) || In(voters_outgoing, node);
}

bool Configuration::Contains(NodeId node) const { return IsVoter(node) || In(learners, node); }

std::vector<NodeId> Configuration::Voters() const { return Union(voters, voters_outgoing); }

std::vector<NodeId> Configuration::Members() const { return Union(Voters(), learners); }

Configuration Normalized(Configuration configuration) {
  Normalize(configuration.voters);
  Normalize(configuration.voters_outgoing);
  Normalize(configuration.learners);
  std::erase_if(configuration.notes,
                [&](const auto& note) { return !configuration.Contains(note.first); });
  return configuration;
}

bool IsValid(const Configuration& configuration) {
  if (configuration.voters.empty() || !(configuration == Normalized(configuration))) return false;
  const std::vector<NodeId> members = configuration.Members();
  if (members.front() == 0 || members.size() > kMaxMembers) return false;
  for (const auto& [node, note] : configuration.notes) {
    if (note.size() > kMaxNoteBytes) return false;
  }
  return std::none_of(configuration.learners.begin(), configuration.learners.end(),
                      [&](NodeId node) { return In(configuration.voters, node); });
}

Configuration JointOf(const Configuration& from, const Configuration& to) {
  OPENEFS_CHECK(!from.joint() && !to.joint());
  Configuration joint{to.voters, from.voters, to.learners, to.notes};
  joint.notes.insert(from.notes.begin(), from.notes.end());  // those of `to` win
  return Normalized(std::move(joint));
}

Configuration FinalOf(const Configuration& joint) {
  return Normalized({joint.voters, {}, joint.learners, joint.notes});
}

std::string EncodeConfiguration(const Configuration& configuration) {
  pb::RaftConfiguration out;
  for (const NodeId node : configuration.voters) out.add_voters(node);
  for (const NodeId node : configuration.voters_outgoing) out.add_voters_outgoing(node);
  for (const NodeId node : configuration.learners) out.add_learners(node);
  for (const auto& [node, note] : configuration.notes) {
    pb::RaftConfiguration::Note* added = out.add_notes();
    added->set_node(node);
    added->set_note(note);
  }
  return out.SerializeAsString();
}

std::optional<Configuration> DecodeConfiguration(std::string_view bytes) {
  pb::RaftConfiguration in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  Configuration configuration;
  configuration.voters.assign(in.voters().begin(), in.voters().end());
  configuration.voters_outgoing.assign(in.voters_outgoing().begin(), in.voters_outgoing().end());
  configuration.learners.assign(in.learners().begin(), in.learners().end());
  for (const pb::RaftConfiguration::Note& note : in.notes()) {
    configuration.notes[note.node()] = note.note();
  }
  if (!IsValid(configuration)) return std::nullopt;
  return configuration;
}

std::string ToString(const Configuration& configuration) {
  std::string text = List(configuration.voters);
  if (configuration.joint()) text += " from " + List(configuration.voters_outgoing);
  if (!configuration.learners.empty()) text += " learners " + List(configuration.learners);
  return text;
}

ConfigurationHistory::ConfigurationHistory(uint64_t front_index, Configuration front,
                                           std::map<uint64_t, Configuration> later) {
  items_.push_back({front_index, std::move(front)});
  for (auto& [index, configuration] : later) Append(index, std::move(configuration));
}

const Configuration& ConfigurationHistory::At(uint64_t index) const {
  const auto after = std::upper_bound(items_.begin(), items_.end(), index,
                                      [](uint64_t i, const Item& item) { return i < item.index; });
  OPENEFS_CHECK(after != items_.begin());
  return std::prev(after)->configuration;
}

void ConfigurationHistory::Append(uint64_t index, Configuration configuration) {
  OPENEFS_CHECK(index > current_index());
  OPENEFS_CHECK(IsValid(configuration));
  items_.push_back({index, std::move(configuration)});
}

void ConfigurationHistory::TruncateFrom(uint64_t index) {
  OPENEFS_CHECK(index > items_.front().index);
  while (items_.back().index >= index) items_.pop_back();
}

void ConfigurationHistory::CompactTo(uint64_t first_index) {
  while (items_.size() > 1 && items_[1].index < first_index) items_.pop_front();
}

void ConfigurationHistory::Reset(uint64_t index, Configuration configuration) {
  items_.clear();
  items_.push_back({index, std::move(configuration)});
}

}  // namespace openefs::replication::raft
