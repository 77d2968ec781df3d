#include "replication/node/membership.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::replication {
namespace {

// An operator asks for one thing after the other; more at once is a mistake.
constexpr size_t kMaxChanges = 8;

// A learner is caught up when it lacks at most this much: what arrives during one round trip under
// load, so that as a voter it holds nobody up.
constexpr uint64_t kCaughtUpEntries = 256;

// In ticks of 50 ms: a change that cannot begin or commit in 10 s waits for a majority that is not
// there, or behind another one.
constexpr int kMaxTicks = 200;

absl::Status NotLeader(const raft::Raft& core) {
  return absl::FailedPreconditionError(core.leader() == 0 ? "" : absl::StrCat(core.leader()));
}

void Erase(std::vector<NodeId>& nodes, NodeId node) { std::erase(nodes, node); }

std::optional<pb::ReplicaMember> NoteOf(const raft::Configuration& now, NodeId node) {
  const auto note = now.notes.find(node);
  pb::ReplicaMember member;
  if (note == now.notes.end() || !member.ParseFromString(note->second)) return std::nullopt;
  return member;
}

// Whom to hand leadership to: whoever needs least for it.
NodeId BestSuccessor(const raft::Raft& core) {
  NodeId best = 0;
  uint64_t most = 0;
  for (const auto& [node, progress] : core.progress()) {
    const bool fit = core.configuration().IsIncomingVoter(node) &&
                     progress.state() == raft::Progress::State::kReplicate;
    if (!fit || (best != 0 && progress.match() <= most)) continue;
    best = node;
    most = progress.match();
  }
  return best;
}

}  // namespace

absl::StatusOr<std::optional<raft::Configuration>> TargetOf(const raft::Configuration& now,
                                                            const MemberChange& change) {
  raft::Configuration target = now;
  if (const NodeId added = change.add.node_id(); added != 0) {
    const NodeId replaced = change.add.replaces();
    if (now.Contains(added)) {
      const std::optional<pb::ReplicaMember> known = NoteOf(now, added);
      if (!known || known->incarnation() == change.add.incarnation()) return std::nullopt;
      return absl::InvalidArgumentError(
          absl::StrCat("node id ", added, " is in use by another directory"));
    }
    if (replaced != 0 && !now.IsIncomingVoter(replaced)) {
      return absl::InvalidArgumentError(absl::StrCat("node ", replaced, " is not a voter"));
    }
    target.learners.push_back(added);
    target.notes[added] = change.add.SerializeAsString();
  }
  if (change.remove != 0) {
    if (!now.Contains(change.remove)) return std::nullopt;
    Erase(target.voters, change.remove);
    Erase(target.learners, change.remove);
    if (target.voters.empty()) {
      return absl::InvalidArgumentError("the last voter of a group cannot be removed");
    }
  }
  target = raft::Normalized(std::move(target));
  if (!raft::IsValid(target)) return absl::InvalidArgumentError("too many members");
  return target;
}

std::optional<raft::Configuration> Promoted(const raft::Configuration& now,
                                            const std::function<bool(NodeId)>& caught_up) {
  for (const NodeId learner : now.learners) {
    if (!caught_up(learner)) continue;
    raft::Configuration target = now;
    Erase(target.learners, learner);
    if (std::optional<pb::ReplicaMember> note = NoteOf(now, learner)) {
      if (note->replaces() != 0) Erase(target.voters, note->replaces());
      note->clear_replaces();
      target.notes[learner] = note->SerializeAsString();
    }
    target.voters.push_back(learner);
    return raft::Normalized(std::move(target));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<raft::Configuration>> Demoted(const raft::Configuration& now,
                                                           const pb::ReplicaMember& member) {
  const NodeId node = member.node_id();
  if (!now.Contains(node)) {
    return absl::InvalidArgumentError(absl::StrCat("node ", node, " is not in this group"));
  }
  pb::ReplicaMember note = NoteOf(now, node).value_or(member);
  const bool known = now.notes.contains(node);
  if (known && note.life() >= member.life()) return std::nullopt;
  note.set_life(member.life());
  raft::Configuration target = now;
  Erase(target.voters, node);
  Erase(target.learners, node);
  if (target.voters.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", node, " is the only voter: nobody has what it lost"));
  }
  target.learners.push_back(node);
  target.notes[node] = note.SerializeAsString();
  return raft::Normalized(std::move(target));
}

std::map<NodeId, uint64_t> LivesIn(const raft::Configuration& configuration) {
  std::map<NodeId, uint64_t> lives;
  for (const auto& [node, text] : configuration.notes) {
    const std::optional<pb::ReplicaMember> note = NoteOf(configuration, node);
    if (note.has_value() && note->life() != 0) lives[node] = note->life();
  }
  return lives;
}

std::vector<pb::ReplicaMember> MembersIn(const raft::Configuration& configuration) {
  std::vector<pb::ReplicaMember> members;
  for (const auto& [node, note] : configuration.notes) {
    std::optional<pb::ReplicaMember> member = NoteOf(configuration, node);
    if (!member || member->node_id() != node) continue;
    member->clear_replaces();
    member->clear_life();  // each group has its own
    members.push_back(*std::move(member));
  }
  return members;
}

void Membership::Change(MemberChange change, MemberCallback done) {
  if (changes_.size() >= kMaxChanges) return done(absl::UnavailableError("too many changes wait"));
  changes_.push_back({std::move(change), std::move(done)});
}

void Membership::Transfer(NodeId to, MemberCallback done) {
  if (transfer_.has_value()) return done(absl::UnavailableError("a transfer is under way"));
  transfer_.emplace(to, std::move(done));
}

void Membership::Advance(raft::Raft& core) {
  while (!changes_.empty() && AdvanceChange(core, changes_.front())) changes_.pop_front();
  if (transfer_.has_value() && AdvanceTransfer(core, *transfer_)) transfer_.reset();
}

// True: it is answered.
bool Membership::AdvanceChange(raft::Raft& core, ChangeRequest& request) {
  const raft::Configuration& now = core.configuration();
  const bool settled = !now.joint() && core.configuration_committed();
  if (!core.leads() && !request.proposed) {
    request.done(NotLeader(core));
    return true;
  }
  if (!settled) {
    if (core.leads()) return false;
    request.done(absl::UnknownError("leadership was lost before the change was committed"));
    return true;
  }
  const auto target = TargetOf(now, request.change);
  if (!target.ok() || !target->has_value()) {
    request.done(target.status());
    return true;
  }
  if (!core.leads()) {
    request.done(NotLeader(core));
    return true;
  }
  if (core.ProposeConfiguration(**target) != 0) request.proposed = true;
  return false;
}

absl::StatusOr<bool> Membership::Demote(raft::Raft& core, const pb::ReplicaMember& member) {
  const raft::Configuration& now = core.configuration();
  if (now.joint() || !core.configuration_committed()) return false;
  const auto target = Demoted(now, member);
  if (!target.ok()) return target.status();
  // 0: not now.
  if (target->has_value()) core.ProposeConfiguration(**target);
  const std::optional<pb::ReplicaMember> note = NoteOf(core.configuration(), member.node_id());
  return !target->has_value() && note->life() == member.life() &&
         !now.IsIncomingVoter(member.node_id());
}

bool Membership::AdvanceTransfer(raft::Raft& core, TransferRequest& request) {
  if (!core.leads()) {
    request.done(request.started ? absl::OkStatus() : NotLeader(core));
    return true;
  }
  if (request.to == core.id()) {
    request.done(absl::OkStatus());
    return true;
  }
  if (request.started) {
    if (core.transferee() != 0) return false;
    request.done(absl::UnavailableError("the other replica did not take over in time"));
    return true;
  }
  const NodeId to = request.to != 0 ? request.to : BestSuccessor(core);
  if (to != 0 && core.TransferLeadership(to)) {
    request.started = true;
    return false;
  }
  request.done(absl::UnavailableError(
      request.to == 0 ? "no other voter is up to date"
                      : absl::StrCat("node ", request.to, " cannot take over now")));
  return true;
}

void Membership::Tick(raft::Raft& core) {
  if (core.leads() && !core.configuration().learners.empty()) {
    const auto target = Promoted(core.configuration(), [&](NodeId node) {
      const auto found = core.progress().find(node);
      return found != core.progress().end() &&
             found->second.state() == raft::Progress::State::kReplicate &&
             found->second.recently_active &&
             found->second.match() + kCaughtUpEntries >= core.log().last_index();
    });
    // 0: not now; the next tick asks again.
    if (target.has_value()) core.ProposeConfiguration(*target);
  }
  if (!changes_.empty() && ++changes_.front().ticks >= kMaxTicks) {
    const bool proposed = changes_.front().proposed;
    changes_.front().done(
        proposed ? absl::UnknownError("the change is not committed: is a majority up?")
                 : absl::UnavailableError("another change is under way, or no majority is up"));
    changes_.pop_front();
  }
}

void Membership::Drop(const absl::Status& why) {
  for (ChangeRequest& request : std::exchange(changes_, {})) {
    request.done(request.proposed ? absl::UnknownError(why.message())
                                  : absl::UnavailableError(why.message()));
  }
  if (transfer_.has_value()) transfer_->done(absl::UnavailableError(why.message()));
  transfer_.reset();
}

}  // namespace openefs::replication
