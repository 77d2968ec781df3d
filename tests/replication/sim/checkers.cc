#include "checkers.h"

#include <algorithm>

#include "replication/raft/quorum.h"

namespace openefs::replication::sim {
namespace {

bool Same(const raft::Entry& a, const raft::Entry& b) {
  const bool same_data =
      (a.data == nullptr) == (b.data == nullptr) && (a.data == nullptr || *a.data == *b.data);
  return a.index == b.index && a.term == b.term && a.kind == b.kind && same_data;
}

[[noreturn]] void Fail(const std::string& promise, NodeId node, uint64_t at) {
  throw Violation(promise + ": node " + std::to_string(node) + ", at " + std::to_string(at));
}

}  // namespace

void Checkers::Check(SimNode& node) {
  CheckElectionSafety(node);
  CheckCommitted(node);
  CheckInstalled(node);
  CheckStateMachine(node);
  CheckBarriers(node);
}

// Paper figure 3: at most one leader in a term. A new one has everything that is committed.
void Checkers::CheckElectionSafety(const SimNode& node) {
  if (!node.core().leads()) return;
  const auto [known, is_new] = leader_of_term_.emplace(node.core().term(), node.id());
  if (known->second != node.id()) Fail("two leaders in a term", node.id(), known->first);
  if (is_new) CheckLeaderCompleteness(node);
}

void Checkers::CheckLeaderCompleteness(const SimNode& node) const {
  const raft::LogView& log = node.core().log();
  for (const raft::Entry& entry : committed_) {
    if (entry.index < log.first_index()) continue;
    // One that was elected late, in a term that is over, need not have what came meanwhile.
    if (commit_terms_[entry.index - 1] >= node.core().term()) break;
    if (!log.Matches(entry.index, entry.term)) {
      Fail("a leader lacks a committed entry", node.id(), entry.index);
    }
  }
}

// An entry counts as committed once any replica says so; then a majority must have it on disk.
void Checkers::CheckCommitted(const SimNode& node) {
  while (committed_.size() < node.core().commit_index()) {
    const uint64_t index = committed_.size() + 1;
    const auto entries = node.core().log().Slice(index, 1, SIZE_MAX);
    if (entries.empty()) Fail("a committed entry is not in the log", node.id(), index);
    CheckDurable(node, entries[0]);
    CheckNobodyLeadsWithout(entries[0]);
    committed_.push_back(entries[0]);
    commit_terms_.push_back(node.core().term());
    if (entries[0].kind == raft::EntryKind::kConfiguration) NoteConfiguration(entries[0]);
  }
}

// On a quorum of the configuration in which the leader counted: the one in effect, or the one
// before if committing this entry made it append the next.
void Checkers::CheckDurable(const SimNode& node, const raft::Entry& entry) const {
  const auto has = [&](NodeId voter) {
    const raft::Entry* on_disk = nodes_[voter - 1]->disk().Find(entry.index);
    return on_disk != nullptr && Same(*on_disk, entry);
  };
  const raft::Raft& core = node.core();
  if (raft::HasQuorum(core.configuration(), has)) return;
  const uint64_t before = std::max(core.configuration_index(), core.log().first_index()) - 1;
  if (raft::HasQuorum(core.ConfigurationAt(before), has)) return;
  Fail("committed without being durable on a majority", node.id(), entry.index);
}

// Two configurations that follow each other decide nothing without each other.
void Checkers::NoteConfiguration(const raft::Entry& entry) {
  const raft::Configuration next = *raft::DecodeConfiguration(*entry.data);
  const raft::Configuration& last = configurations_.rbegin()->second;
  const bool fits = last.joint()   ? next == raft::FinalOf(last)
                    : next.joint() ? next.voters_outgoing == last.voters
                                   : next.voters == last.voters;
  if (!fits && !single_steps_)
    Fail("a configuration does not follow from the last", 0, entry.index);
  configurations_[entry.index] = next;
}

// Paper 5.4.2 and figure 8: what is committed stays, so no replica that lacks it may find a
// majority of disks that would let it lead, whichever configuration it believes in.
void Checkers::CheckNobodyLeadsWithout(const raft::Entry& committed) const {
  for (const auto& candidate : nodes_) {
    const DiskImage& disk = candidate->disk();
    const raft::Entry* entry = disk.Find(committed.index);
    if (entry != nullptr && entry->term == committed.term) continue;
    if (disk.first_index > committed.index) continue;
    const auto votes = [&](NodeId voter) {
      return disk.LastPosition() >= nodes_[voter - 1]->disk().LastPosition();
    };
    if (!raft::HasQuorum(disk.LastConfiguration(), votes)) continue;
    Fail("committed, but a replica without it can be elected", candidate->id(), committed.index);
  }
}

// A snapshot is what was committed up to its index, and never older than what is here.
void Checkers::CheckInstalled(SimNode& node) {
  if (node.went_back) Fail("a state machine went back", node.id(), node.handed_out());
  if (!node.installed.has_value()) return;
  const Snapshot& snapshot = *node.installed;
  const uint64_t index = snapshot.meta.index;
  const bool fits =
      index <= committed_.size() && snapshot.state.size() == index &&
      snapshot.meta.term == committed_[index - 1].term &&
      std::equal(snapshot.state.begin(), snapshot.state.end(), committed_.begin(), Same) &&
      snapshot.meta.configuration == std::prev(configurations_.upper_bound(index))->second;
  if (!fits) Fail("a snapshot of something else", node.id(), index);
  ++installed_;
  node.installed.reset();
}

// Every replica applies the same entries.
void Checkers::CheckStateMachine(SimNode& node) {
  for (const raft::Entry& entry : node.handed_out_entries) {
    if (entry.index > committed_.size() || !Same(entry, committed_[entry.index - 1])) {
      Fail("a replica applies another entry", node.id(), entry.index);
    }
  }
  node.handed_out_entries.clear();
}

// A read sees all that was committed when it was asked for.
void Checkers::CheckBarriers(SimNode& node) {
  for (const uint64_t id : node.released_barriers) {
    const auto asked = barriers_.find({node.id(), id});
    if (asked == barriers_.end()) Fail("a barrier held twice", node.id(), id);
    if (node.handed_out() < asked->second) Fail("a stale read", node.id(), asked->second);
    barriers_.erase(asked);
    ++barriers_held_;
  }
  for (const uint64_t id : node.dropped_barriers) {
    if (barriers_.erase({node.id(), id}) == 0) Fail("a barrier ended twice", node.id(), id);
  }
  node.released_barriers.clear();
  node.dropped_barriers.clear();
}

void Checkers::Crashed(NodeId node) {
  std::erase_if(barriers_, [&](const auto& barrier) { return barrier.first.first == node; });
}

void Checkers::CheckMessage(const pb::RaftMessage& m) {
  if (m.type() == pb::RaftMessage::VOTE_REPLY && !m.reject()) {
    const auto [vote, is_new] = vote_of_.emplace(std::pair(m.from(), m.term()), m.to());
    if (vote->second != m.to()) Fail("two votes in a term", m.from(), m.term());
  }
  const SimNode& to = *nodes_[m.to() - 1];
  if (m.type() != pb::RaftMessage::APPEND || m.term() < to.core().term()) return;
  for (const pb::RaftEntry& entry : m.entries()) {
    if (entry.index() > committed_.size()) break;
    const uint64_t term = committed_[entry.index() - 1].term;
    // A replica that has not got the committed entry may well take another for a while.
    if (entry.term() != term && to.core().log().Matches(entry.index(), term)) {
      Fail("a committed entry would be overwritten", m.to(), entry.index());
    }
  }
}

// Paper figure 3: two logs with an entry of the same index and term agree up to there.
void Checkers::CheckLogMatching() const {
  for (size_t a = 0; a < nodes_.size(); ++a) {
    for (size_t b = a + 1; b < nodes_.size(); ++b) {
      const DiskImage& x = nodes_[a]->disk();
      const DiskImage& y = nodes_[b]->disk();
      bool agree = false;
      const uint64_t low = std::max(x.first_index, y.first_index);
      for (uint64_t i = std::min(x.last_index(), y.last_index()); i >= low; --i) {
        if (!agree && x.Find(i)->term != y.Find(i)->term) continue;
        agree = true;
        if (!Same(*x.Find(i), *y.Find(i))) Fail("logs do not match", nodes_[b]->id(), i);
      }
    }
  }
}

}  // namespace openefs::replication::sim
