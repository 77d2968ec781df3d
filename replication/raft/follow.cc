// The follower's side of replication.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {
namespace {

Entry TakeEntry(pb::RaftEntry& from) {
  Entry entry{from.index(), from.term(), static_cast<EntryKind>(from.kind()), nullptr};
  if (!from.data().empty()) {
    entry.data = std::make_shared<const std::string>(std::move(*from.mutable_data()));
  }
  return entry;
}

}  // namespace

void Raft::NoteLeader(const pb::RaftMessage& m) {
  if (role_ != Role::kFollower || leader_ != m.from()) BecomeFollower(m.term(), m.from());
  election_elapsed_ = 0;
  ticks_since_leader_ = 0;
  truncate_below_ = std::max(truncate_below_, m.truncate_below());
}

void Raft::HandleHeartbeat(const pb::RaftMessage& m) {
  if (leads()) return;  // two leaders in one term cannot be; the sender is corrupt
  NoteLeader(m);
  if (!installing_.has_value()) CommitTo(std::min(m.commit(), log_.last_index()));
  pb::RaftMessage reply = MakeMessage(pb::RaftMessage::HEARTBEAT_REPLY, m.from());
  reply.set_read_barrier(m.read_barrier());
  if (options_.lease.enabled()) reply.set_lease_time(m.lease_time());
  Reply(std::move(reply));
}

void Raft::HandleAppend(pb::RaftMessage& m) {
  if (leads()) return;
  if (!AppendIsSane(m)) return;
  NoteLeader(m);
  // As if lost, while the log is being replaced: the leader sends again what is missing then.
  if (installing_.has_value()) return;
  if (m.log_index() < hard_.commit) return AcknowledgeAppend(m.from(), hard_.commit);
  if (!log_.Matches(m.log_index(), m.log_term())) return RejectAppend(m);
  // As if lost: the leader sends it again when the state machine has caught up.
  if (m.entries_size() > 0 && log_.cached_bytes() > options_.max_unapplied_bytes) return;
  const uint64_t last = m.log_index() + m.entries_size();
  StoreEntries(m);
  CommitTo(std::min(m.commit(), last));
  AcknowledgeAppend(m.from(), last);
}

// Consecutive, of terms that do not fall and kinds that are known.
bool Raft::AppendIsSane(const pb::RaftMessage& m) const {
  uint64_t index = m.log_index();
  uint64_t term = m.log_term();
  for (const pb::RaftEntry& entry : m.entries()) {
    if (entry.index() != ++index || entry.term() < term || entry.term() > m.term()) return false;
    term = entry.term();
    if (entry.kind() < pb::RaftEntry::NORMAL || entry.kind() > pb::RaftEntry::CONFIGURATION) {
      return false;
    }
    const bool configuration = entry.kind() == pb::RaftEntry::CONFIGURATION;
    if (configuration && !DecodeConfiguration(entry.data()).has_value()) return false;
  }
  return true;
}

// Skips what is here already: an old append must not cut what came after it.
void Raft::StoreEntries(pb::RaftMessage& m) {
  for (pb::RaftEntry& entry : *m.mutable_entries()) {
    if (log_.Matches(entry.index(), entry.term())) continue;
    if (entry.index() <= log_.last_index()) {
      OPENEFS_CHECK(entry.index() > hard_.commit);  // leader completeness
      log_.TruncateFrom(entry.index());
      history_.TruncateFrom(entry.index());
    }
    if (entry.kind() == pb::RaftEntry::CONFIGURATION) {
      history_.Append(entry.index(), *DecodeConfiguration(entry.data()));
    }
    log_.Append(TakeEntry(entry));
  }
}

void Raft::CommitTo(uint64_t index) {
  OPENEFS_CHECK(index <= log_.last_index());
  hard_.commit = std::max(hard_.commit, index);
}

void Raft::AcknowledgeAppend(NodeId leader, uint64_t index) {
  pb::RaftMessage reply = MakeMessage(pb::RaftMessage::APPEND_REPLY, leader);
  reply.set_log_index(index);
  if (options_.planted_bug == PlantedBug::kAckBeforePersist) return SendNow(std::move(reply));
  if (index > log_.stable_index()) return SendWhenDurable(std::move(reply));
  Reply(std::move(reply));
}

// Says where the two logs may still agree, so that the leader skips whole terms.
void Raft::RejectAppend(const pb::RaftMessage& m) {
  const uint64_t hint = log_.LastWithTermAtMost(m.log_index(), m.log_term());
  pb::RaftMessage reply = MakeMessage(pb::RaftMessage::APPEND_REPLY, m.from());
  reply.set_reject(true);
  reply.set_log_index(m.log_index());
  reply.set_reject_hint(hint);
  reply.set_log_term(*log_.Term(hint));
  Reply(std::move(reply));
}

}  // namespace openefs::replication::raft
