// The leader's side of replication.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {
namespace {

// An error of a disk that passes is over by then; damage is not, and a snapshot is dear.
constexpr int kMaxFailedReads = 3;

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
    ContinueTransfer();
  } else if (!barriers_.empty() && !barriers_.back().confirmed) {
    BroadcastHeartbeat();  // whoever was asked does not answer
  }
  ForgetPrompt();
  TickTransfer();
}

uint64_t Raft::Propose(std::vector<std::shared_ptr<const std::string>> batch) {
  if (!accepts_proposals() || batch.empty()) return 0;
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

const FlightLimits& Raft::LimitsFor(NodeId node) const {
  return configuration().IsVoter(node) ? options_.flight : options_.learner_flight;
}

// Sends what the follower has not been sent, as far as the limits in flight allow.
void Raft::MaybeSendAppend(NodeId to, Progress& progress) {
  const FlightLimits& limits = LimitsFor(to);
  while (!progress.Paused(limits) && progress.next() <= log_.last_index()) {
    const uint64_t low = progress.next();
    if (low < log_.first_index()) return NeedSnapshot(to, progress);
    if (!log_.InMemory(low)) {
      progress.read_pending = true;
      reads_.push_back({to, hard_.term, low});
      return;
    }
    SendAppend(to, progress, low,
               log_.Slice(low, limits.max_append_entries, limits.max_append_bytes));
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
  const auto found = progress_.find(read.follower);
  if (found == progress_.end()) return;  // removed meanwhile
  Progress& progress = found->second;
  progress.read_pending = false;
  // The disk failed: asked again with the next heartbeat, not at once. If it fails every time, the
  // state machine still has what the log cannot tell any more.
  if (entries.empty() && progress.state() != Progress::State::kSnapshot) {
    const bool hopeless = ++progress.failed_reads >= kMaxFailedReads && read.low <= applied_;
    return hopeless ? NeedSnapshot(read.follower, progress) : progress.BackUpTo(progress.match());
  }
  progress.failed_reads = 0;
  const bool wanted = !entries.empty() && progress.next() == read.low &&
                      read.low >= log_.first_index() && !progress.Paused(LimitsFor(read.follower));
  if (wanted) SendAppend(read.follower, progress, read.low, entries);
  MaybeSendAppend(read.follower, progress);
}

void Raft::BroadcastHeartbeat() {
  for (const auto& [node, progress] : progress_) SendHeartbeat(node, progress);
}

// Carries the latest barrier's number; a reply vouches for all barriers up to the one it echoes.
void Raft::SendHeartbeat(NodeId to, const Progress& progress) {
  pb::RaftMessage m = MakeMessage(pb::RaftMessage::HEARTBEAT, to);
  // A follower may not have what is beyond its match: telling it more could commit other entries.
  m.set_commit(std::min(hard_.commit, progress.match()));
  m.set_read_barrier(barriers_.empty() ? 0 : barriers_.back().id);
  m.set_truncate_below(truncate_below_);
  if (options_.lease.enabled()) m.set_lease_time(now_us_);
  SendNow(std::move(m));
}

// What was lost is noticed when the next append does not fit; this sends one where none follows.
// Without entries: the follower may be away or busy for long.
void Raft::ProbeStalledFollowers() {
  for (auto& [node, progress] : progress_) {
    const bool stalled = progress.StalledSinceLastCheck();
    const bool probing = progress.state() == Progress::State::kProbe;
    if (progress.state() == Progress::State::kSnapshot || progress.read_pending) continue;
    if (progress.next() < log_.first_index()) {
      NeedSnapshot(node, progress);
    } else if (stalled || (probing && progress.next() > log_.last_index())) {
      SendAppend(node, progress, progress.next(), {});
    } else {
      MaybeSendAppend(node, progress);
    }
  }
}

void Raft::HandleAppendReply(const pb::RaftMessage& m) {
  if (!leads()) return;
  Progress& progress = progress_.at(m.from());
  progress.recently_active = true;
  if (m.reject()) return HandleRejection(m, progress);
  if (m.log_index() > log_.last_index()) return;  // not of this log: hostile or corrupt
  if (progress.Acknowledged(m.log_index(), log_.first_index())) {
    MaybeCommit();  // may end leadership, or this follower's membership
    const auto found = progress_.find(m.from());
    if (found == progress_.end()) return;
    UpdateTruncateBelow();
    ContinueTransfer();
  }
  MaybeSendAppend(m.from(), progress);
}

void Raft::HandleRejection(const pb::RaftMessage& m, Progress& progress) {
  if (!progress.RejectionIsCurrent(m.log_index())) return;
  uint64_t agree = log_.LastWithTermAtMost(m.reject_hint(), m.log_term());
  const bool may_agree = agree <= m.reject_hint() && *log_.Term(agree) <= m.log_term();
  // A refusal that was overtaken may hint at less than the follower has acknowledged since.
  agree = std::max(may_agree ? agree : 0, progress.match());
  if (agree + 1 < log_.first_index()) return NeedSnapshot(m.from(), progress);
  progress.BackUpTo(agree);
  MaybeSendAppend(m.from(), progress);
}

void Raft::HandleHeartbeatReply(const pb::RaftMessage& m) {
  if (!leads()) return;
  Progress& progress = progress_.at(m.from());
  progress.recently_active = true;
  MaybeRequestSnapshot(m.from(), progress);
  NoteLeaseAnswer(m, progress);
  const bool any_answer = options_.planted_bug == PlantedBug::kOldAnswerConfirmsBarrier;
  const uint64_t echoed = any_answer ? last_barrier_id_ : m.read_barrier();
  if (echoed > progress.read_barrier) {
    progress.read_barrier = echoed;
    ConfirmBarriers();
  }
}

void Raft::MaybeCommit() {
  const bool count_unstable = options_.planted_bug == PlantedBug::kCountOwnUnstableLog;
  const uint64_t own = count_unstable ? log_.last_index() : log_.stable_index();
  const uint64_t index = QuorumValue(configuration(), [&](NodeId voter) {
    const auto found = progress_.find(voter);
    if (voter == options_.id) return own;
    return found == progress_.end() ? 0 : found->second.match();
  });
  if (index <= hard_.commit) return;
  // Paper 5.4.2: counting replicas commits only entries of the current term.
  const bool any_term = options_.planted_bug == PlantedBug::kCommitOlderTerm;
  if (!any_term && !log_.Matches(index, hard_.term)) return;
  CommitTo(index);
  AdvanceConfiguration();
}

void Raft::ForgetProgress(NodeId follower) {
  const auto found = progress_.find(follower);
  if (found == progress_.end()) return;
  const bool active = found->second.recently_active;
  found->second = Progress(log_.last_index() + 1);
  found->second.recently_active = active;
}

void Raft::UpdateTruncateBelow() {
  uint64_t lowest = hard_.commit;
  for (const auto& [node, progress] : progress_) lowest = std::min(lowest, progress.match());
  truncate_below_ = std::max(truncate_below_, lowest);
}

}  // namespace openefs::replication::raft
