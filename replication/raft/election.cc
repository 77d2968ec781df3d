// Elections: PreVote, votes, CheckQuorum.
#include <algorithm>

#include "common/check.h"
#include "replication/raft/quorum.h"
#include "replication/raft/raft.h"

namespace openefs::replication::raft {
namespace {

// splitmix64: the seed is the only randomness there is.
uint64_t NextRandom(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

void Raft::TickElection() {
  ++ticks_since_leader_;
  if (++election_elapsed_ < election_timeout_) return;
  leader_ = 0;
  if (!MayBeElected()) return ResetElectionTimer();
  Campaign();  // or with the first tick at which it can
}

void Raft::ResetElectionTimer() {
  election_elapsed_ = 0;
  election_timeout_ =
      options_.election_ticks +
      static_cast<int>(NextRandom(random_state_) % static_cast<uint64_t>(options_.election_ticks));
}

bool Raft::HeardFromLeaderLately() const {
  return leader_ != 0 && election_elapsed_ < options_.election_ticks;
}

void Raft::BecomeFollower(uint64_t term, NodeId leader) {
  OPENEFS_CHECK(term >= hard_.term);
  if (term > hard_.term) {
    hard_.term = term;
    hard_.voted_for = 0;
  }
  role_ = Role::kFollower;
  leader_ = leader;
  votes_.clear();
  progress_.clear();
  reads_.clear();
  snapshots_to_send_.clear();
  transferee_ = 0;
  lease_void_ = false;
  DropBarriers();
  ResetElectionTimer();
}

// One that is having its log replaced could boast of what it is about to forget. One that loses its
// vote by an entry that may not be committed may be the only one whose log can win, although its
// own vote does not count (thesis 4.2.2).
bool Raft::MayBeElected() const {
  if (installing_.has_value()) return false;
  if (configuration().IsVoter(options_.id)) return true;
  return !configuration_committed() &&
         history_.At(history_.current_index() - 1).IsVoter(options_.id);
}

bool Raft::HasMuchToApply() const {
  return AppliableIndex() > applied_ + options_.max_unapplied_to_lead;
}

bool Raft::CanCampaign() const { return MayBeElected() && !HasMuchToApply(); }

void Raft::Campaign() {
  if (leads() || !CanCampaign()) return;
  const bool alone = configuration().Voters() == std::vector<NodeId>{options_.id};
  if (alone || !PromisedToLeader()) BecomePreCandidate();
}

// Asks whether an election could be won before it disturbs anybody with a new term.
void Raft::BecomePreCandidate() {
  role_ = Role::kPreCandidate;
  leader_ = 0;
  votes_.clear();
  ResetElectionTimer();
  AskForVotes(pb::RaftMessage::PRE_VOTE, false);
  CountVote(options_.id, true);
}

void Raft::BecomeCandidate(bool transfer) {
  role_ = Role::kCandidate;
  leader_ = 0;
  ++hard_.term;
  hard_.voted_for = options_.id;
  votes_.clear();
  ResetElectionTimer();
  AskForVotes(pb::RaftMessage::VOTE, transfer);
}

void Raft::AskForVotes(pb::RaftMessage::Type type, bool transfer) {
  const bool pre_vote = type == pb::RaftMessage::PRE_VOTE;
  for (const NodeId voter : configuration().Voters()) {
    if (voter == options_.id) continue;
    pb::RaftMessage m = MakeMessage(type, voter);
    if (pre_vote) m.set_term(hard_.term + 1);
    m.set_log_index(log_.last_index());
    m.set_log_term(log_.last_term());
    m.set_transfer(transfer);
    // A vote not before the one for itself and the log it boasts of are durable: a crash must not
    // make it ask again in this term with less.
    pre_vote ? Reply(std::move(m)) : SendWhenDurable(std::move(m));
  }
}

void Raft::CountOwnVote() {
  if (role_ == Role::kCandidate && HardStateDurable()) CountVote(options_.id, true);
}

void Raft::BecomeLeader() {
  OPENEFS_CHECK(role_ == Role::kCandidate);
  role_ = Role::kLeader;
  leader_ = options_.id;
  votes_.clear();
  ResetElectionTimer();
  heartbeat_elapsed_ = 0;
  progress_.clear();
  UpdateMembers();
  for (auto& [node, progress] : progress_) progress.recently_active = false;
  // Entries of earlier terms commit, and read barriers hold, once an entry of this term does
  // (paper 5.4.2, 8).
  AppendOwn(EntryKind::kNoOp, nullptr);
  term_start_ = log_.last_index();
  BroadcastAppend();
}

bool Raft::LogIsUpToDate(const pb::RaftMessage& m) const {
  if (options_.planted_bug == PlantedBug::kVoteForStaleLog) return true;
  return m.log_term() > log_.last_term() ||
         (m.log_term() == log_.last_term() && m.log_index() >= log_.last_index());
}

void Raft::HandleVoteRequest(const pb::RaftMessage& m) {
  const bool pre_vote = m.type() == pb::RaftMessage::PRE_VOTE;
  const bool free_to_vote = hard_.voted_for == m.from() || (hard_.voted_for == 0 && leader_ == 0) ||
                            (pre_vote && m.term() > hard_.term);
  const bool promised = PromisedToLeader() && !m.transfer();
  const bool granted = free_to_vote && !promised && LogIsUpToDate(m);
  pb::RaftMessage reply = MakeMessage(
      pre_vote ? pb::RaftMessage::PRE_VOTE_REPLY : pb::RaftMessage::VOTE_REPLY, m.from());
  reply.set_reject(!granted);
  if (granted && pre_vote) reply.set_term(m.term());
  if (granted && !pre_vote) {
    hard_.voted_for = m.from();
    election_elapsed_ = 0;
    if (options_.planted_bug == PlantedBug::kVoteBeforePersist) return SendNow(std::move(reply));
  }
  Reply(std::move(reply));
}

void Raft::HandleVoteReply(const pb::RaftMessage& m) {
  const bool pre_vote = m.type() == pb::RaftMessage::PRE_VOTE_REPLY;
  if (role_ != (pre_vote ? Role::kPreCandidate : Role::kCandidate)) return;
  // A granted pre-vote names the term asked about: another one answers an earlier question.
  if (pre_vote && !m.reject() && m.term() != hard_.term + 1) return;
  CountVote(m.from(), !m.reject());
}

void Raft::CountVote(NodeId voter, bool granted) {
  votes_.emplace(voter, granted);
  switch (CountVotes(configuration(), votes_)) {
    case VoteOutcome::kWon:
      return role_ == Role::kPreCandidate ? BecomeCandidate(false) : BecomeLeader();
    case VoteOutcome::kLost:
      return BecomeFollower(hard_.term, 0);
    case VoteOutcome::kPending:
      return;
  }
}

// Thesis 6.2: a leader that no longer hears from a majority stops, so that its clients look for
// another one.
void Raft::CheckQuorum() {
  const bool active = HasQuorum(configuration(), [&](NodeId voter) {
    const auto found = progress_.find(voter);
    return voter == options_.id || (found != progress_.end() && found->second.recently_active);
  });
  for (auto& [node, progress] : progress_) progress.recently_active = false;
  if (!active) BecomeFollower(hard_.term, 0);
}

}  // namespace openefs::replication::raft
