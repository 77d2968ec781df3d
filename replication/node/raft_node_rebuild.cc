// What a node does about groups whose log or state it cannot trust, its own and others':
// group_rebuild.h.
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/metrics/metrics.h"
#include "common/random.h"
#include "replication/log/set_aside.h"
#include "replication/node/raft_node.h"
#include "replication/raft/quorum.h"

namespace openefs::replication {
namespace {

// A replica that wants to be rebuilt says so every 5 s at least.
constexpr int64_t kAskedLatelyMs = 15'000;

metrics::Labels Labels(NodeId node, GroupId group) {
  return {{"node", std::to_string(node)}, {"group", std::to_string(group)}};
}

void SetRebuilding(NodeId node, GroupId group, bool rebuilding) {
  metrics::GetGauge("openefs_raft_rebuilding",
                    "1 while this replica takes no part because it is to be rebuilt.",
                    Labels(node, group))
      .Set(rebuilding ? 1 : 0);
}

bool HasOthers(const Identity& identity) {
  for (const auto& [node, member] : identity.members()) {
    if (!member.removed()) return true;
  }
  return false;
}

absl::Status NobodyElse(absl::string_view why) {
  return absl::DataLossError(absl::StrCat(
      why, "; no other replica is on record that could have what is lost: restore a backup"));
}

// Told by the writer, or by the end of what it dropped.
class Waiting {
 public:
  ~Waiting() {
    if (!told_) durable_.set_value(false);
  }
  void Tell() {
    told_ = true;
    durable_.set_value(true);
  }
  std::future<bool> Future() { return durable_.get_future(); }

 private:
  bool told_ = false;
  std::promise<bool> durable_;
};

}  // namespace

// ---- on start

// While the log is being opened, before anybody was told anything.
absl::Status RaftNode::OnLogDamage(const absl::Status& damage) {
  auto identity = Identity::Open(options_.directory, options_.node_id, SystemRandom::Get());
  if (!identity.ok()) return identity.status();
  if (!(*identity)->formed() || !HasOthers(**identity)) return NobodyElse(damage.message());
  // Which records are missing nobody can tell, nor of which groups: a lost vote leaves no gap.
  for (const auto& [id, machine] : machines_) {
    const pb::GroupRebuild mark =
        MarkToRebuild((*identity)->FindRebuild(id), id, std::string(damage.message()), WallMs());
    if (auto status = (*identity)->RecordRebuild(mark); !status.ok()) return status;
  }
  Log(LogLevel::kError, "raft.log_damaged",
      {{"node", options_.node_id}, {"error", std::string(damage.message())}});
  return absl::OkStatus();
}

absl::Status RaftNode::RecoverGroups() {
  for (const auto& [id, why] : condemned_) {
    if (!HasOthers(peers_->identity())) return NobodyElse(why.message());
    const auto mark =
        MarkToRebuild(peers_->identity().FindRebuild(id), id, std::string(why.message()), WallMs());
    // One that is about to be emptied need not be condemned again.
    const pb::GroupRebuild* before = peers_->identity().FindRebuild(id);
    if (before != nullptr && before->step() != pb::GroupRebuild::DONE) continue;
    if (auto status = peers_->RecordRebuild(mark); !status.ok()) return status;
  }
  for (const auto& [id, machine] : machines_) {
    if (auto status = RecoverGroup(id, machine); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RaftNode::RecoverGroup(GroupId id, StateMachine* machine) {
  pb::GroupRebuild mark;
  if (const auto* found = peers_->identity().FindRebuild(id)) mark = *found;
  if (mark.step() == pb::GroupRebuild::ASKS) {
    AddRebuild(std::move(mark));
    return absl::OkStatus();
  }
  if (mark.step() == pb::GroupRebuild::RESETS) {
    const auto write = [this](const GroupWrite& reset) { return store_->Write({&reset, 1}); };
    auto status = CarryReset(ResetJobFor(mark), write);
    if (status.ok()) status = EndRebuild(mark);
    if (!status.ok()) return status;
  }
  if (auto status = NodeSnapshots::Recover(id, options_.directory, machine, store_.get());
      !status.ok()) {
    return status;
  }
  return LoadLog(id, machine).status();
}

// ---- the replica that is rebuilt

void RaftNode::Rebuild(GroupId group, absl::Status why) {
  if (!machines_.contains(group)) return;
  if (running_.load(std::memory_order_acquire)) {
    inbox_->AddFailure({group, std::move(why), true});
  } else {
    condemned_[group] = std::move(why);
  }
}

void RaftNode::AddRebuild(pb::GroupRebuild mark) {
  const GroupId id = mark.group();
  Log(LogLevel::kError, "raft.rebuild_begins",
      {{"node", options_.node_id}, {"group", id}, {"life", mark.life()}, {"why", mark.why()}});
  SetRebuilding(options_.node_id, id, true);
  auto rebuild = std::make_unique<GroupRebuild>(std::move(mark), options_.rebuild_ask_ms);
  MutexLock lock(status_mu_);
  statuses_[id].group = id;
  statuses_[id].rebuild = rebuild->Describe();
  rebuilds_[id] = std::move(rebuild);
}

void RaftNode::BeginRebuild(const GroupFailure& failure) {
  const GroupId id = failure.group;
  const absl::Status& why = failure.why;
  Group* group = Touch(id);
  if (gave_up_ || group == nullptr || rebuilds_.contains(id)) return;
  const bool needed = group->core().leads() && !CheckQuorumWithout(*group, options_.node_id).ok();
  if (failure.can_wait && needed) return;
  PublishLease(id, 0);
  group->PassOnLeadership(*outbox_);
  group->Fail(why);
  snapshots_->Release(id);  // it installs none any more
  if (!HasOthers(peers_->identity())) {
    Log(LogLevel::kError, "raft.rebuild_impossible",
        {{"group", id}, {"why", std::string(NobodyElse(why.message()).message())}});
    return;
  }
  pb::GroupRebuild mark =
      MarkToRebuild(peers_->identity().FindRebuild(id), id, std::string(why.message()), WallMs());
  if (const auto status = peers_->RecordRebuild(mark); !status.ok()) return GiveUp(status);
  if (RebuildReached(RebuildStep::kMarked)) AddRebuild(std::move(mark));
}

void RaftNode::TickRebuilds() {
  const int64_t now_ms = clock_->MonotonicMs();
  for (const auto& [id, rebuild] : rebuilds_) {
    if (auto request = rebuild->Request(options_.node_id, now_ms, WallMs())) {
      peers_->Broadcast(*request);
    }
    if (rebuild->DueToReset(now_ms)) StartReset(id, *rebuild);
    MutexLock lock(status_mu_);
    statuses_[id].rebuild = rebuild->Describe();
  }
}

void RaftNode::OnRebuildReply(const pb::RaftMessage& reply) {
  const auto found = rebuilds_.find(reply.group());
  if (found == rebuilds_.end()) return;
  GroupRebuild& rebuild = *found->second;
  if (reply.reject() && rebuild.asks() && reply.life() == rebuild.mark().life()) {
    return rebuild.OnRefused(reply.from(), reply.text(), clock_->MonotonicMs());
  }
  const auto granted = Granted(rebuild.mark(), options_.node_id, reply);
  if (!granted.has_value()) return;
  if (const auto status = peers_->RecordRebuild(*granted); !status.ok()) return GiveUp(status);
  Log(LogLevel::kInfo, "raft.rebuild_granted",
      {{"group", reply.group()}, {"by", reply.from()}, {"term", reply.term()}});
  rebuild.OnGranted(*granted);
  if (RebuildReached(RebuildStep::kGranted)) StartReset(reply.group(), rebuild);
}

GroupResetJob RaftNode::ResetJobFor(const pb::GroupRebuild& mark) const {
  GroupResetJob job;
  job.mark = mark;
  const auto log = store_->Load(mark.group(), UINT64_MAX);  // no entries are read
  if (log.ok()) job.hard_state = log->hard_state;
  job.log_directory = options_.directory;
  job.machine = machines_.at(mark.group());
  job.fault = options_.rebuild_fault;
  return job;
}

// On a thread of its own: other groups go on while a state machine is emptied.
void RaftNode::StartReset(GroupId id, GroupRebuild& rebuild) {
  const auto group = groups_.find(id);
  Group* const old = group == groups_.end() ? nullptr : group->second.get();
  const auto write = [this](GroupWrite reset) {
    const auto waiting = std::make_shared<Waiting>();
    std::future<bool> durable = waiting->Future();
    std::vector<WriteTask> tasks(1);
    tasks[0].write = std::move(reset);
    tasks[0].has_write = true;
    tasks[0].on_durable = [waiting] { waiting->Tell(); };
    writer_->Submit(std::move(tasks));
    return durable;
  };
  rebuild.Run([this, id, old, write, job = ResetJobFor(rebuild.mark())] {
    // It fed the state machine; what it did not tell it any more is told here.
    if (old != nullptr) old->StopApplying();
    job.machine->OnFollower();
    absl::Status status = CarryReset(job, [&](GroupWrite reset) {
      std::future<bool> durable = write(std::move(reset));
      return durable.get() ? absl::OkStatus() : absl::InternalError("the log has failed");
    });
    inbox_->AddReset({id, std::move(status)});
  });
}

void RaftNode::DispatchResets(LoopInput& in) {
  for (const GroupReset& reset : in.resets) {
    GroupRebuild& rebuild = *rebuilds_.at(reset.group);
    rebuild.Join();
    absl::Status status = reset.status;
    if (status.ok()) status = EndRebuild(rebuild.mark());
    if (status.ok()) {
      reopen_.push_back(reset.group);
    } else {
      rebuild.OnResetFailed(status, clock_->MonotonicMs());
    }
  }
}

absl::Status RaftNode::EndRebuild(pb::GroupRebuild mark) {
  mark.set_step(pb::GroupRebuild::DONE);
  mark.clear_configuration();
  if (auto status = peers_->RecordRebuild(mark); !status.ok()) return status;
  Log(LogLevel::kInfo, "raft.rebuild_learns",
      {{"node", options_.node_id}, {"group", mark.group()}, {"life", mark.life()}});
  metrics::GetCounter("openefs_raft_rebuilds_total",
                      "Times this replica was emptied, to be brought up by its leader.",
                      Labels(options_.node_id, mark.group()))
      .Add();
  SetRebuilding(options_.node_id, mark.group(), false);
  const absl::Status pruned = PruneSetAside(options_.directory);
  if (!pruned.ok()) {
    Log(LogLevel::kWarning, "raft.set_aside_left", {{"error", std::string(pruned.message())}});
  }
  return RebuildReached(RebuildStep::kDone) ? absl::OkStatus()
                                            : absl::AbortedError("stopped by a test");
}

// Between two turns of the loop, when nobody holds the old group any more.
void RaftNode::ReopenGroups() {
  for (const GroupId id : std::exchange(reopen_, {})) {
    rebuilds_.erase(id);
    groups_.erase(id);
    if (const auto status = OpenGroup(id, machines_.at(id)); !status.ok()) return GiveUp(status);
    groups_.at(id)->Start(&appliers_);
  }
}

// ---- the others

void RaftNode::OnRebuildAsked(const pb::RaftMessage& asked) {
  const GroupId id = asked.group();
  const pb::ReplicaMember* known = peers_->identity().Find(asked.from());
  if (!machines_.contains(id) || known == nullptr || asked.life() == 0) return;
  asked_[{id, asked.from()}] = {asked.life(), clock_->MonotonicMs()};
  pb::RaftMessage reply;
  reply.set_type(pb::RaftMessage::REBUILD_REPLY);
  reply.set_group(id);
  reply.set_from(options_.node_id);
  reply.set_to(asked.from());
  reply.set_life(asked.life());
  const absl::StatusOr<bool> demoted = DemoteFor(asked, *known, &reply);
  if (!demoted.ok()) {
    reply.set_reject(true);
    reply.set_text(std::string(demoted.status().message()));
  } else if (!*demoted) {
    return;  // it asks again
  }
  outbox_->Add(std::move(reply));
}

absl::StatusOr<bool> RaftNode::DemoteFor(const pb::RaftMessage& asked, pb::ReplicaMember member,
                                         pb::RaftMessage* reply) {
  if (rebuilds_.contains(asked.group())) {
    return absl::UnavailableError(absl::StrCat("node ", options_.node_id, " is to be rebuilt too"));
  }
  Group* group = Touch(asked.group());
  if (group == nullptr || group->failed() || !group->core().leads()) return false;
  const raft::Raft& core = group->core();
  if (core.configuration().IsIncomingVoter(asked.from())) {
    if (auto status = CheckQuorumWithout(*group, asked.from()); !status.ok()) return status;
  }
  member.set_life(asked.life());
  const absl::StatusOr<bool> demoted = group->Demote(member);
  if (!demoted.ok() || !*demoted) return demoted;
  reply->set_term(core.term());
  reply->set_log_index(core.configuration_index());
  const std::string configuration = raft::EncodeConfiguration(core.configuration());
  return reply->mutable_configuration()->ParseFromString(configuration);
}

// The change needs a majority of the voters there are now, without that one: begun without it, it
// would hold up the group.
absl::Status RaftNode::CheckQuorumWithout(const Group& group, NodeId node) const {
  const std::vector<NodeId>& voters = group.core().configuration().voters;
  const size_t sound = CountSound(group, node);
  if (sound >= raft::QuorumOf(voters.size())) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("without node ", node, " only ", sound, " of ",
                                             voters.size(), " voters are sound and up"));
}

size_t RaftNode::CountSound(const Group& group, NodeId without) const {
  const int64_t now_ms = clock_->MonotonicMs();
  size_t sound = 0;
  for (const NodeId voter : group.core().configuration().voters) {
    if (voter == without || !peers_->Alive(voter)) continue;
    const auto asked = asked_.find({group.id(), voter});
    const bool lately = asked != asked_.end() && now_ms - asked->second.at_ms < kAskedLatelyMs;
    // A voter in the life it asked for has been rebuilt since.
    if (!lately || group.LifeOf(voter) >= asked->second.life) ++sound;
  }
  return sound;
}

}  // namespace openefs::replication
