// The leader's side of replication.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {
namespace {

void AddEntry(const Entry& entry, pb::RaftMessage& m) {
  pb::RaftEntry* out = m.add_entries();
  out->set_term(entry.term);
  out->set_index(entry.index);
  out->set_kind(static_cast<pb::RaftEntry::Kind>(entry.kind));
  if (entry.data != nullptr) out->set_data(*entry.data);
}

}  // namespace

void Raft::TickLeader() {
  if (++election_elapsed_ >= options_.election_ticks) {
    election_elapsed_ = 0;
    CheckQuorum();
    if (!leads()) return;
  }
  if (++heartbeat_elapsed_ >= options_.heartbeat_ticks) {
    heartbeat_elapsed_ = 0;
    BroadcastHeartbeat();
    ProbeStalledFollowers();
  }
}

uint64_t Raft::Propose(std::vector<std::shared_ptr<const std::string>> batch) {
  if (!leads() || batch.empty()) return 0;
  const uint64_t first = log_.last_index() + 1;
  for (auto& data : batch) AppendOwn(EntryKind::kNormal, std::move(data));
  BroadcastAppend();
  return first;
}

void Raft::AppendOwn(EntryKind kind, std::shared_ptr<const std::string> data) {
  log_.Append({log_.last_index() + 1, hard_.term, kind, std::move(data)});
}

void Raft::BroadcastAppend() {
  for (auto& [node, progress] : progress_) MaybeSendAppend(node, progress);
}

// Sends what the follower has not been sent, as far as the limits in flight allow.
void Raft::MaybeSendAppend(NodeId to, Progress& progress) {
  while (!progress.Paused(options_.flight) && progress.next() <= log_.last_index()) {
    const uint64_t low = progress.next();
    if (low < log_.first_index()) return progress.NeedSnapshot();
    if (!log_.InMemory(low)) {
      progress.read_pending = true;
      reads_.push_back({to, hard_.term, low});
      return;
    }
    SendAppend(
        to, progress, low,
        log_.Slice(low, options_.flight.max_append_entries, options_.flight.max_append_bytes));
  }
}

void Raft::SendAppend(NodeId to, Progress& progress, uint64_t low,
                      const std::vector<Entry>& entries) {
  pb::RaftMessage m = MakeMessage(pb::RaftMessage::APPEND, to);
  m.set_log_index(low - 1);
  m.set_log_term(*log_.Term(low - 1));
  m.set_commit(hard_.commit);
  m.set_truncate_below(truncate_below_);
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    AddEntry(entry, m);
    bytes += entry.bytes();
  }
  progress.Sent(low + entries.size() - 1, bytes);
  SendNow(std::move(m));
}

void Raft::OnEntriesRead(const Ready::LogRead& read, std::vector<Entry> entries) {
  if (!leads() || read.term != hard_.term) return;
  Progress& progress = progress_.at(read.follower);
  progress.read_pending = false;
  // The disk failed: asked again with the next heartbeat, not at once and for ever.
  if (entries.empty()) return progress.BackUpTo(progress.match());
  const bool wanted = progress.next() == read.low && read.low >= log_.first_index() &&
                      !progress.Paused(options_.flight);
  if (wanted) SendAppend(read.follower, progress, read.low, entries);
  MaybeSendAppend(read.follower, progress);
}

// Carries the latest barrier's number; a reply vouches for all barriers up to the one it echoes.
void Raft::BroadcastHeartbeat() {
  for (const auto& [node, progress] : progress_) {
    pb::RaftMessage m = MakeMessage(pb::RaftMessage::HEARTBEAT, node);
    // A follower may not have what is beyond its match: telling it more could commit other entries.
    m.set_commit(std::min(hard_.commit, progress.match()));
    m.set_read_barrier(barriers_.empty() ? 0 : barriers_.back().id);
    m.set_truncate_below(truncate_below_);
    SendNow(std::move(m));
  }
}

// What was lost is noticed when the next append does not fit; this sends one where none follows.
void Raft::ProbeStalledFollowers() {
  for (auto& [node, progress] : progress_) {
    if (progress.state() == Progress::State::kProbe) {
      progress.ProbeAgain();
      MaybeSendAppend(node, progress);
    } else if (progress.StalledSinceLastCheck()) {
      SendAppend(node, progress, progress.next(), {});
    }
  }
}

void Raft::HandleAppendReply(const pb::RaftMessage& m) {
  if (!leads()) return;
  Progress& progress = progress_.at(m.from());
  progress.recently_active = true;
  if (m.reject()) {
    if (!progress.RejectionIsCurrent(m.log_index())) return;
    // A refusal that was overtaken may hint at less than the follower has acknowledged since.
    const uint64_t agree = std::max(progress.match(), m.reject_hint());
    if (agree + 1 < log_.first_index()) return progress.NeedSnapshot();
    progress.BackUpTo(log_.LastWithTermAtMost(m.reject_hint(), m.log_term()));
  } else {
    if (m.log_index() > log_.last_index()) return;  // not of this log: hostile or corrupt
    if (progress.Acknowledged(m.log_index())) {
      MaybeCommit();
      UpdateTruncateBelow();
    }
  }
  MaybeSendAppend(m.from(), progress);
}

void Raft::HandleHeartbeatReply(const pb::RaftMessage& m) {
  if (!leads()) return;
  Progress& progress = progress_.at(m.from());
  progress.recently_active = true;
  if (m.read_barrier() > progress.read_barrier) {
    progress.read_barrier = m.read_barrier();
    ConfirmBarriers();
  }
}

void Raft::MaybeCommit() {
  const bool count_unstable = options_.planted_bug == PlantedBug::kCountOwnUnstableLog;
  std::vector<uint64_t> matches = {count_unstable ? log_.last_index() : log_.stable_index()};
  for (const auto& [node, progress] : progress_) matches.push_back(progress.match());
  const uint64_t index = QuorumValue(std::move(matches));
  if (index <= hard_.commit) return;
  // Paper 5.4.2: counting replicas commits only entries of the current term.
  const bool any_term = options_.planted_bug == PlantedBug::kCommitOlderTerm;
  if (!any_term && !log_.Matches(index, hard_.term)) return;
  CommitTo(index);
}

void Raft::UpdateTruncateBelow() {
  uint64_t lowest = hard_.commit;
  for (const auto& [node, progress] : progress_) lowest = std::min(lowest, progress.match());
  truncate_below_ = std::max(truncate_below_, lowest);
}

}  // namespace openefs::replication::raft
