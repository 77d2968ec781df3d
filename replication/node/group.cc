#include "replication/node/group.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/log.h"

namespace openefs::replication {
namespace {

// Rounds of heartbeats for read barriers under way at once. Callers that come meanwhile share the
// next one, which makes their cost per read fall as their number grows.
constexpr size_t kMaxBarrierRounds = 4;

// Callers that are worth another round while one is under way. A round costs the leader and a
// majority of the others a message each way, so fewer callers rather wait for the next.
constexpr size_t kWorthAnotherRound = 32;

// Entries that make a record about truncation worth its write while a follower is behind.
constexpr uint64_t kTruncateStep = 4096;

// What a follower collects before it applies, and the longest it takes to apply as a new leader.
constexpr size_t kMaxHeldEntries = 256;
constexpr size_t kMaxHeldBytes = size_t{1} << 20;

metrics::Labels GroupLabels(NodeId node, GroupId group) {
  return {{"node", std::to_string(node)}, {"group", std::to_string(group)}};
}

absl::Status NotLeader() { return absl::UnavailableError("this replica does not lead the group"); }

}  // namespace

Group::Group(GroupId id, raft::RaftOptions options, raft::DurableState durable,
             StateMachine* machine, Inbox* inbox, uint64_t flush_log_bytes,
             GroupSnapshots::Options snapshots)
    : id_(id),
      flush_log_bytes_(flush_log_bytes),
      core_(options, durable),
      applier_(id, machine, inbox),
      snapshots_(id, std::move(snapshots), &core_, &applier_),
      handed_out_(durable.applied_index),
      flushed_index_(durable.applied_index),
      lives_(LivesIn(core_.configuration())),
      noted_term_(durable.hard_state.term),
      proposals_metric_(metrics::GetCounter("openefs_raft_proposals_total",
                                            "Entries proposed to the group on its leader.",
                                            GroupLabels(options.id, id))),
      elections_metric_(metrics::GetCounter("openefs_raft_elections_total",
                                            "Elections this replica stood for.",
                                            GroupLabels(options.id, id))),
      leads_metric_(metrics::GetGauge("openefs_raft_leads", "1 while this replica leads.",
                                      GroupLabels(options.id, id))),
      commit_metric_(metrics::GetGauge("openefs_raft_commit_index", "Last entry committed.",
                                       GroupLabels(options.id, id))),
      applied_metric_(metrics::GetGauge("openefs_raft_applied_index", "Last entry applied.",
                                        GroupLabels(options.id, id))) {}

void Group::SetLife(uint64_t life) {
  life_ = life;
  learns_again_ = life != 0 && !core_.configuration().IsVoter(core_.id());
}

void Group::Start(ApplierPool* pool) {
  applier_.Start(pool);
  StartWithoutThread();
}

void Group::StartWithoutThread() {
  if (core_.configuration().Voters().size() == 1) core_.Campaign();
}

void Group::Stop() {
  Fail(absl::UnavailableError("this node is stopping"));
  applier_.Stop();
}

void Group::Add(Proposal proposal) {
  Wake();
  proposals_.push_back(std::move(proposal));
}

void Group::Add(BarrierCallback done) {
  Wake();
  barriers_.push_back(std::move(done));
}

// Of a log that is gone. A replica's life, and so what is dropped here, is a matter of the group's
// configuration.
bool Group::OfAnEarlierLife(const pb::RaftMessage& message) const {
  return message.type() == pb::RaftMessage::APPEND_REPLY &&
         message.life() != LifeOf(message.from());
}

uint64_t Group::LifeOf(NodeId node) const {
  const auto life = lives_.find(node);
  return life == lives_.end() ? 0 : life->second;
}

void Group::Step(pb::RaftMessage message) {
  if (OfAnEarlierLife(message)) return;
  if (!LetsSleep(message)) Wake();
  if (!failed_) core_.Step(std::move(message));
}

void Group::Add(MemberRequest request) {
  if (failed_) return request.done(absl::UnavailableError("this replica has stopped"));
  Wake();
  if (request.transfer) {
    membership_.Transfer(request.transfer_to, std::move(request.done));
  } else {
    membership_.Change(std::move(request.change), std::move(request.done));
  }
}

absl::StatusOr<bool> Group::Demote(const pb::ReplicaMember& member) {
  Wake();
  return Membership::Demote(core_, member);
}

void Group::PassOnLeadership(Outbox& outbox) {
  if (failed_ || !core_.leads()) return;
  membership_.Transfer(0, [](const absl::Status&) {});
  membership_.Advance(core_);
  for (pb::RaftMessage& message : core_.TakeReady().messages) {
    if (message.type() != pb::RaftMessage::TIMEOUT_NOW) continue;
    message.set_group(id_);
    outbox.Add(std::move(message));
  }
}

void Group::Tick() {
  ticked_ = true;
  if (failed_) return;
  core_.Tick();
  snapshots_.Tick();
  membership_.Tick(core_);
}

void Group::OnPersisted(uint64_t write_id) {
  if (!failed_) core_.OnPersisted(write_id);
}

void Group::OnEntriesRead(ReadEntries read) {
  if (!failed_) core_.OnEntriesRead(read.read, std::move(read.entries));
}

void Group::OnFlushed(uint64_t index) {
  flush_requested_ = false;
  flushed_index_ = std::max(flushed_index_, index);
}

void Group::OnSnapshotInstalled() {
  handed_out_ = flushed_index_ = snapshots_.OnFinished();
  bytes_since_flush_ = 0;
}

void Group::LimitLog(uint64_t below, uint64_t below_anyway) {
  limit_below_ = std::max(limit_below_, below);
  limit_anyway_ = std::max(limit_anyway_, below_anyway);
}

void Group::Fail(const absl::Status& why) {
  if (failed_) return;
  failed_ = true;
  quiet_ = false;
  for (Pending& pending : pending_) {
    pending.context->OnDropped(absl::UnknownError(why.message()));
  }
  pending_.clear();
  for (BarrierRound& round : rounds_) {
    for (BarrierCallback& done : round.waiting) done(absl::UnavailableError(why.message()));
  }
  rounds_.clear();
  membership_.Drop(why);
  snapshots_.Cancel();
  DropWaiting();
  if (std::exchange(announced_term_, 0) != 0) {
    ApplyTask task;
    task.leadership = ApplyTask::Leadership::kLost;
    applier_.Submit(std::move(task));
  }
}

void Group::DropWaiting() {
  for (Proposal& proposal : std::exchange(proposals_, {})) proposal.context->OnDropped(NotLeader());
  for (BarrierCallback& done : std::exchange(barriers_, {})) done(NotLeader());
}

void Group::Process(LoopOutput& out) {
  if (failed_) return DropWaiting();
  core_.OnApplied(applier_.applied_index());
  NoteLeadership();
  AppendProposals();
  StartBarrierRound();
  membership_.Advance(core_);
  while (core_.HasReady()) {
    HandOut(core_.TakeReady(), out);
    StartBarrierRound();
    membership_.Advance(core_);
  }
  if (std::exchange(ticked_, false)) SubmitHeld();
  // After the core's: a heartbeat behind a QUIET would wake the follower again.
  for (pb::RaftMessage& message : std::exchange(to_say_, {})) out.outbox->Add(std::move(message));
  NoteRole();
  snapshots_.Process(out.writes);
  if (bytes_since_flush_ >= flush_log_bytes_) RequestFlush();
  MaybeTruncate(out);
}

// What changes for proposers and the state machine when this replica no longer leads.
void Group::NoteLeadership() {
  const uint64_t leading_term = core_.leads() ? core_.term() : 0;
  if (pending_term_ != leading_term) {
    DropPendingAfter(core_.commit_index());
    pending_term_ = leading_term;
  }
  if (announced_term_ != 0 && announced_term_ != leading_term) {
    announced_term_ = 0;
    ApplyTask task;
    task.leadership = ApplyTask::Leadership::kLost;
    applier_.Submit(std::move(task));
  }
}

// What is committed is answered when it is applied.
void Group::DropPendingAfter(uint64_t index) {
  while (!pending_.empty() && pending_.back().index > index) {
    pending_.back().context->OnDropped(
        absl::UnknownError("leadership was lost before the entry was committed"));
    pending_.pop_back();
  }
}

void Group::AppendProposals() {
  std::vector<Proposal> accepted;
  for (Proposal& proposal : std::exchange(proposals_, {})) {
    if (!core_.accepts_proposals()) {  // it does not lead, or hands leadership over
      proposal.context->OnDropped(NotLeader());
    } else if (!proposal.ticket.held()) {
      proposal.context->OnDropped(absl::UnavailableError("too many proposals in flight"));
    } else {
      accepted.push_back(std::move(proposal));
    }
  }
  if (accepted.empty()) return;
  std::vector<std::shared_ptr<const std::string>> data;
  for (Proposal& proposal : accepted) data.push_back(std::move(proposal.data));
  uint64_t index = core_.Propose(std::move(data));
  OPENEFS_CHECK(index != 0);
  for (Proposal& proposal : accepted) {
    pending_.push_back(
        {index++, core_.term(), std::move(proposal.context), std::move(proposal.ticket)});
  }
  proposals_metric_.Add(accepted.size());
}

void Group::StartBarrierRound() {
  if (barriers_.empty()) return;
  if (!core_.leads()) {
    for (BarrierCallback& done : std::exchange(barriers_, {})) done(NotLeader());
    return;
  }
  if (rounds_.size() >= kMaxBarrierRounds) return;
  if (!rounds_.empty() && barriers_.size() < kWorthAnotherRound) return;
  rounds_.push_back({++last_round_, std::exchange(barriers_, {})});
  core_.ReadBarrier(last_round_);
}

void Group::HandOut(raft::Ready ready, LoopOutput& out) {
  for (auto* messages : {&ready.messages, &ready.messages_after_write}) {
    for (pb::RaftMessage& message : *messages) {
      message.set_group(id_);
      if (life_ != 0) message.set_life(life_);
    }
  }
  HandOutWrites(ready, out);
  for (pb::RaftMessage& message : ready.messages) out.outbox->Add(std::move(message));
  for (const raft::Ready::LogRead& read : ready.reads) out.reads.push_back({id_, read, {}});
  HandOutCommitted(ready);
  for (const auto& request : ready.snapshots_to_send) snapshots_.Want(request);
  if (ready.install.has_value()) {
    SubmitHeld();
    snapshots_.Install(*ready.install);
  }
  DropRounds(ready.barriers_dropped);
  if (ready.configuration.has_value()) {
    NoteConfiguration(*ready.configuration);
    out.configurations.push_back({id_, *std::move(ready.configuration)});
  }
}

void Group::NoteConfiguration(const raft::Ready::ConfigurationNews& news) {
  std::map<NodeId, uint64_t> lives = LivesIn(news.configuration);
  for (const auto& [node, life] : lives) {
    if (lives_[node] != life) core_.ForgetProgress(node);
  }
  lives_ = std::move(lives);
  const bool voter = news.committed && news.configuration.IsIncomingVoter(core_.id());
  if (!voter || !std::exchange(learns_again_, false)) return;
  Log(LogLevel::kInfo, "raft.rebuilt", {{"node", core_.id()}, {"group", id_}, {"life", life_}});
}

void Group::HandOutWrites(raft::Ready& ready, LoopOutput& out) {
  if (ready.write_id == 0 && ready.messages_after_write.empty()) return;
  for (const raft::Entry& entry : ready.entries) bytes_since_flush_ += entry.bytes();
  WriteTask task;
  task.write.group = id_;
  task.write.hard_state = ready.hard_state;
  task.write.entries = std::move(ready.entries);
  task.write_id = ready.write_id;
  task.has_write = ready.write_id != 0;
  task.messages_after = std::move(ready.messages_after_write);
  out.writes.push_back(std::move(task));
}

// Nobody waits for what a follower applies, so until the next tick it collects entries: applying
// many at once is cheaper, and of what they overwrite only the last value is written.
bool Group::MayHold(const raft::Ready& ready) const {
  return !core_.leads() && !ticked_ && pending_.empty() && ready.barriers_released.empty() &&
         held_.size() < kMaxHeldEntries && held_bytes_ < kMaxHeldBytes;
}

std::vector<ApplyTask::Item> Group::TakeHeld() {
  held_bytes_ = 0;
  return std::exchange(held_, {});
}

void Group::SubmitHeld() {
  if (!held_.empty()) applier_.Submit({.items = TakeHeld()});
}

void Group::HandOutCommitted(raft::Ready& ready) {
  const bool hold = MayHold(ready);
  for (raft::Entry& entry : ready.committed) {
    handed_out_ = entry.index;
    held_bytes_ += entry.bytes();
    held_.push_back(TakePending(std::move(entry)));
  }
  if (hold) return;
  ApplyTask task;
  task.items = TakeHeld();
  const bool gained =
      core_.leads() && announced_term_ != core_.term() && handed_out_ >= core_.term_start();
  if (gained) {
    announced_term_ = task.term = core_.term();
    task.leadership = ApplyTask::Leadership::kGained;
  }
  for (const uint64_t id : ready.barriers_released) {
    OPENEFS_CHECK(!rounds_.empty() && rounds_.front().id == id);
    for (BarrierCallback& done : rounds_.front().waiting) task.barriers.push_back(std::move(done));
    rounds_.pop_front();
  }
  const bool only_barriers = task.items.empty() && !gained;
  if (only_barriers && applier_.Idle()) {  // saves a hop
    for (BarrierCallback& done : task.barriers) done(absl::OkStatus());
  } else if (!only_barriers || !task.barriers.empty()) {
    applier_.Submit(std::move(task));
  }
}

ApplyTask::Item Group::TakePending(raft::Entry entry) {
  ApplyTask::Item item;
  if (!pending_.empty() && pending_.front().index == entry.index) {
    Pending& pending = pending_.front();
    if (pending.term == entry.term) {
      item.context = std::move(pending.context);
      item.ticket = std::move(pending.ticket);
    } else {
      pending.context->OnDropped(absl::UnavailableError("another entry was committed instead"));
    }
    pending_.pop_front();
  }
  item.entry = std::move(entry);
  return item;
}

void Group::DropRounds(const std::vector<uint64_t>& ids) {
  for (const uint64_t id : ids) {
    OPENEFS_CHECK(!rounds_.empty() && rounds_.front().id == id);
    for (BarrierCallback& done : rounds_.front().waiting) done(NotLeader());
    rounds_.pop_front();
  }
}

void Group::RequestFlush() {
  if (flush_requested_) return;
  flush_requested_ = true;
  bytes_since_flush_ = 0;
  ApplyTask task;
  task.flush = true;
  applier_.Submit(std::move(task));
}

void Group::FlushIfItHelps() {
  if (failed_ || WantedTruncation() <= flushed_index_) return;
  if (applier_.applied_index() > flushed_index_) RequestFlush();
}

// Everything below is in every member's log, or more than is kept for those that lack it.
uint64_t Group::WantedTruncation() const {
  const uint64_t wanted = std::max(core_.truncate_below(), limit_below_);
  return std::max(std::min(wanted, snapshots_.KeepFrom()), limit_anyway_);
}

// And it must be safe in this node's state machine.
void Group::MaybeTruncate(LoopOutput& out) {
  if (core_.installing()) return;
  const uint64_t to = std::min({WantedTruncation(), flushed_index_, applier_.applied_index()});
  const uint64_t first = core_.log().first_index();
  const bool worth_it = to == flushed_index_ || to >= first + kTruncateStep || limit_below_ > first;
  if (to <= first || !worth_it) return;
  core_.OnApplied(applier_.applied_index());
  WriteTask task;
  task.write.group = id_;
  task.write.truncate_to = to;
  task.write.previous_term = *core_.log().Term(to - 1);
  task.has_write = true;
  core_.Compact(to);
  out.writes.push_back(std::move(task));
}

void Group::NoteRole() {
  commit_metric_.Set(static_cast<int64_t>(core_.commit_index()));
  applied_metric_.Set(static_cast<int64_t>(applier_.applied_index()));
  const bool same =
      noted_role_ == core_.role() && noted_leader_ == core_.leader() && noted_term_ == core_.term();
  if (same) return;
  leads_metric_.Set(core_.leads() ? 1 : 0);
  const bool candidate = core_.role() == raft::Role::kCandidate;
  if (candidate || (core_.leads() && noted_role_ != raft::Role::kCandidate))
    elections_metric_.Add();
  const char* event = core_.leads()         ? "raft.leads"
                      : candidate           ? "raft.stands_for_election"
                      : core_.leader() != 0 ? "raft.follows"
                                            : "raft.no_leader";
  Log(LogLevel::kInfo, event,
      {{"node", core_.id()}, {"group", id_}, {"term", core_.term()}, {"leader", core_.leader()}});
  noted_role_ = core_.role();
  noted_leader_ = core_.leader();
  noted_term_ = core_.term();
}

// While a lease holds nobody else answers anything, and this replica answers for an entry once it
// is applied. So the state machine alone is enough, if it has what earlier leaders answered for.
uint64_t Group::ReadableUntilUs() const {
  if (failed_ || !core_.leads() || applier_.applied_index() < core_.term_start()) return 0;
  return core_.LeaseEndUs();
}

GroupStatus Group::Status() const {
  GroupStatus status;
  status.group = id_;
  status.leader = failed_ ? 0 : core_.leader();
  status.is_leader = !failed_ && core_.leads();
  status.term = core_.term();
  status.commit_index = core_.commit_index();
  status.applied_index = applier_.applied_index();
  status.last_index = core_.log().last_index();
  status.first_index = core_.log().first_index();
  status.configuration = core_.configuration();
  status.configuration_committed = core_.configuration_committed();
  status.quiet = quiet_;
  for (const auto& [node, progress] : core_.progress()) {
    status.match_index[node] = progress.match();
    status.followers.push_back(
        {node, progress.match(), progress.state() == raft::Progress::State::kSnapshot});
  }
  return status;
}

}  // namespace openefs::replication
