#include "replication/raft/raft.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace openefs::replication::raft {
namespace {

bool IsReply(pb::RaftMessage::Type type) {
  return type == pb::RaftMessage::PRE_VOTE_REPLY || type == pb::RaftMessage::VOTE_REPLY ||
         type == pb::RaftMessage::APPEND_REPLY || type == pb::RaftMessage::HEARTBEAT_REPLY;
}

}  // namespace

Raft::Raft(RaftOptions options, DurableState durable)
    : options_(std::move(options)),
      log_(std::move(durable.log)),
      hard_(durable.hard_state),
      applying_(durable.applied_index),
      applied_(durable.applied_index),
      history_(log_.first_index() - 1, std::move(durable.configuration),
               std::move(durable.configurations)),
      random_state_(options_.seed) {
  OPENEFS_CHECK(options_.id != 0);
  OPENEFS_CHECK(history_.current_index() <= log_.last_index());
  OPENEFS_CHECK(options_.heartbeat_ticks > 0);
  OPENEFS_CHECK(options_.election_ticks > options_.heartbeat_ticks);
  OPENEFS_CHECK(applied_ <= log_.last_index() && applied_ + 1 >= log_.first_index());
  hard_.commit = std::min(std::max(hard_.commit, applied_), log_.last_index());
  hard_handed_out_ = hard_;
  configuration_told_ = CurrentConfiguration();
  ResetElectionTimer();
}

const Configuration& Raft::configuration() const {
  if (options_.planted_bug == PlantedBug::kConfigurationWhenCommitted) {
    return history_.At(std::max(hard_.commit, log_.first_index() - 1));
  }
  return history_.current();
}

void Raft::Tick() {
  if (options_.planted_bug == PlantedBug::kLeaseOnStalledClock) now_us_ += options_.lease.tick_us;
  if (leads()) {
    TickLeader();
  } else {
    TickElection();
  }
}

// A request is taken from anybody: who the sender is was settled by the transport, and whether it
// belongs to the group this replica may not know yet (paper section 6). Answers are only wanted
// from those who were asked.
void Raft::Step(pb::RaftMessage message) {
  const NodeId from = message.from();
  if (message.to() != options_.id || from == options_.id || from == 0) return;
  if (IsReply(message.type()) && !configuration().Contains(from)) return;
  if (message.term() < hard_.term) return AnswerOldTerm(message);
  if (message.term() > hard_.term && !AcceptTerm(message)) return;
  Dispatch(message);
}

// A message of a later term; false if it is to be ignored.
bool Raft::AcceptTerm(const pb::RaftMessage& m) {
  switch (m.type()) {
    case pb::RaftMessage::PRE_VOTE:
      return !HeardFromLeaderLately() &&
             !PromisedToLeader();  // asks about a term that does not exist yet
    case pb::RaftMessage::PRE_VOTE_REPLY:
      if (!m.reject()) return true;  // names the term asked about
      break;
    case pb::RaftMessage::VOTE:
      // Thesis 4.2.3: a node that is cut off, or was removed, must not depose a leader that works.
      if (!m.transfer() && (HeardFromLeaderLately() || PromisedToLeader())) return false;
      break;
    default:
      break;
  }
  const bool from_leader = m.type() == pb::RaftMessage::APPEND ||
                           m.type() == pb::RaftMessage::HEARTBEAT ||
                           m.type() == pb::RaftMessage::TIMEOUT_NOW;
  BecomeFollower(m.term(), from_leader ? m.from() : 0);
  return true;
}

// Tells a deposed leader, or a node that fell behind, of the term here.
void Raft::AnswerOldTerm(const pb::RaftMessage& m) {
  pb::RaftMessage reply;
  switch (m.type()) {
    case pb::RaftMessage::APPEND:
    case pb::RaftMessage::HEARTBEAT:
      reply = MakeMessage(pb::RaftMessage::HEARTBEAT_REPLY, m.from());
      break;
    case pb::RaftMessage::PRE_VOTE:
      reply = MakeMessage(pb::RaftMessage::PRE_VOTE_REPLY, m.from());
      break;
    default:
      return;
  }
  reply.set_reject(true);
  Reply(std::move(reply));
}

void Raft::Dispatch(pb::RaftMessage& m) {
  switch (m.type()) {
    case pb::RaftMessage::PRE_VOTE:
    case pb::RaftMessage::VOTE:
      return HandleVoteRequest(m);
    case pb::RaftMessage::PRE_VOTE_REPLY:
    case pb::RaftMessage::VOTE_REPLY:
      return HandleVoteReply(m);
    case pb::RaftMessage::APPEND:
      return HandleAppend(m);
    case pb::RaftMessage::APPEND_REPLY:
      return HandleAppendReply(m);
    case pb::RaftMessage::HEARTBEAT:
      return HandleHeartbeat(m);
    case pb::RaftMessage::HEARTBEAT_REPLY:
      return HandleHeartbeatReply(m);
    case pb::RaftMessage::TIMEOUT_NOW:
      return HandleTimeoutNow(m);
    default:
      return;  // of a later version
  }
}

void Raft::OnPersisted(uint64_t write_id) {
  OPENEFS_CHECK(write_id > persisted_write_id_ && write_id <= last_write_id_);
  persisted_write_id_ = write_id;
  log_.Persisted(write_id);
  CountOwnVote();
  if (leads()) MaybeCommit();
}

void Raft::OnApplied(uint64_t index) {
  if (installing_.has_value()) return;  // of one state machine or the other
  OPENEFS_CHECK(index >= applied_ && index <= applying_);
  applied_ = index;
  log_.Evict(applied_, options_.cache_bytes);
}

void Raft::Compact(uint64_t first_index) {
  OPENEFS_CHECK(first_index <= applied_ + 1);
  log_.CompactTo(first_index);
  history_.CompactTo(first_index);
}

pb::RaftMessage Raft::MakeMessage(pb::RaftMessage::Type type, NodeId to) const {
  pb::RaftMessage m;
  m.set_type(type);
  m.set_from(options_.id);
  m.set_to(to);
  m.set_term(hard_.term);
  return m;
}

void Raft::SendNow(pb::RaftMessage m) { messages_.push_back(std::move(m)); }

void Raft::SendWhenDurable(pb::RaftMessage m) { messages_after_write_.push_back(std::move(m)); }

bool Raft::HardStateDurable() const {
  return hard_.term == hard_handed_out_.term && hard_.voted_for == hard_handed_out_.voted_for &&
         hard_state_write_id_ <= persisted_write_id_;
}

// A reply promises the term it carries, so that term is durable first.
void Raft::Reply(pb::RaftMessage m) {
  if (HardStateDurable()) {
    SendNow(std::move(m));
  } else {
    SendWhenDurable(std::move(m));
  }
}

}  // namespace openefs::replication::raft
