#include "tests/sim/node/process.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/check.h"
#include "common/turn.h"
#include "metadata/ops/segment.h"
#include "metadata/service/request_check.h"
#include "replication/node/read_lease.h"
#include "tests/sim/kernel/violation.h"
#include "tests/sim/node/timing.h"

namespace openefs::sim {
namespace {

using pb::RaftMessageBatch;

constexpr size_t kMaxJobsQueued = metadata::kMaxReadsInFlight;

// As ReplicaNodeOptions says.
constexpr size_t kMaxProposals = 16'384;
constexpr size_t kMaxProposalBytes = size_t{64} << 20;

// Between news and the turn of the loop that sees them: what comes meanwhile is seen with them.
constexpr int64_t kLoopDelay = 20 * kUs;
constexpr int64_t kWorkerDelay = 30 * kUs;

replication::GroupWrite CopyOf(const replication::GroupWrite& write) { return write; }

}  // namespace

Process::Process(Machine machine)
    : machine_(std::move(machine)), in_flight_(kMaxProposals, kMaxProposalBytes), outbox_(this) {
  workers_ = std::make_unique<metadata::WorkerPool>(0, kMaxJobsQueued);
  for (const auto& [group, store] : *machine_.stores) {
    replicas_.push_back(
        std::make_unique<Replica>(group, Replica::Parts{.machine = &machine_,
                                                        .node = this,
                                                        .inbox = &inbox_,
                                                        .workers = workers_.get(),
                                                        .wake = [this] { Wake(); }}));
  }
}

// Callbacks that are dropped on the way must find nobody to tell: see SimNode::Crash.
Process::~Process() {
  for (const auto& replica : replicas_) replica->Stop();
  workers_->Stop();
  replicas_.clear();
  machine_.log->Close();
}

// As RaftNode::Start.
absl::Status Process::Start(bool crash_in_it) {
  if (auto status = machine_.log->Open(crash_in_it); !status.ok()) return status;
  for (const auto& replica : replicas_) {
    if (auto status = replica->Recover(); !status.ok()) return status;
  }
  for (const auto& replica : replicas_) {
    if (auto status = replica->Open(); !status.ok()) return status;
  }
  machine_.post(machine_.random->Between(0, kTickMs * kMs), [this] { Tick(); });
  machine_.post(machine_.random->Between(0, kTendMs * kMs), [this] { Tend(); });
  return absl::OkStatus();
}

void Process::LosePower() {
  if (!writing_.empty()) {
    std::vector<replication::GroupWrite> writes;
    for (const replication::WriteTask& task : writing_) {
      if (task.has_write) writes.push_back(CopyOf(task.write));
    }
    if (!writes.empty() && !failed_) machine_.log->CrashDuring(writes);
  }
  for (auto& [group, store] : *machine_.stores) {
    store.Crash(machine_.random->Below(store.unflushed() + 1));
  }
}

// ---- the event loop

Replica& Process::Find(GroupId group) const {
  const auto found = std::find_if(replicas_.begin(), replicas_.end(),
                                  [group](const auto& replica) { return replica->id() == group; });
  OPENEFS_CHECK(found != replicas_.end());
  return **found;
}

const replication::raft::Raft& Process::core(GroupId group) const {
  return Find(group).group().core();
}

void Process::Tick() {
  machine_.post(machine_.clock->TrueNs(kTickMs * kMs), [this] { Tick(); });
  for (const auto& replica : replicas_) {
    replica->group().Tick();
    if (!failed_) replica->LimitLog();
  }
  Turn();
}

void Process::Tend() {
  machine_.post(machine_.clock->TrueNs(kTendMs * kMs), [this] { Tend(); });
  for (const auto& replica : replicas_) replica->service().Tend();
}

void Process::Wake() {
  if (std::exchange(turn_posted_, true)) return;
  machine_.post(kLoopDelay, [this] {
    turn_posted_ = false;
    Turn();
  });
}

void Process::Turn() {
  // Both ways of serving reads that have passed their barrier: here, and by a worker.
  std::optional<openefs::Turn> at_once;
  if (++turns_ % 2 == 0) at_once.emplace();
  replication::LoopInput in = inbox_.Take(0);
  if (machine_.options->leases != 0) {
    const uint64_t now_us = replication::ReadLeaseTimeUs(*machine_.clock);
    for (const auto& replica : replicas_) replica->group().OnTime(now_us);
  }
  Dispatch(in);
  replication::LoopOutput out;
  out.outbox = &outbox_;
  for (const auto& replica : replicas_) {
    replica->group().Process(out);
    replica->snapshots().Collect(replica->group());
  }
  for (const auto& replica : replicas_) {
    readable_until_us_[replica->id()] = replica->group().ReadableUntilUs();
  }
  for (replication::WriteTask& task : out.writes) to_write_.push_back(std::move(task));
  StartWrite();
  outbox_.Send();
  for (replication::ReadEntries& read : out.reads) ReadLog(std::move(read));
  for (const auto& replica : replicas_) {
    replica->checkers().Turned(machine_.id, replica->group());
  }
  WakeOthers();
}

void Process::Dispatch(replication::LoopInput& in) {
  if (!in.log_failure.ok()) {
    for (const auto& replica : replicas_) replica->group().Fail(in.log_failure);
  }
  for (const replication::GroupFailure& failure : in.failures) {
    Find(failure.group).group().Fail(failure.why);
  }
  for (const replication::PersistedWrite& write : in.persisted) {
    Find(write.group).group().OnPersisted(write.write_id);
  }
  for (RaftMessageBatch& batch : in.batches) {
    for (pb::RaftMessage& message : *batch.mutable_messages()) DispatchMessage(std::move(message));
  }
  for (replication::ReadEntries& read : in.reads) {
    replication::Group& group = Find(read.group).group();
    group.OnEntriesRead(std::move(read));
  }
  for (const replication::FlushedIndex& flushed : in.flushed) {
    Find(flushed.group).group().OnFlushed(flushed.index);
  }
  for (const replication::SnapshotNews& news : in.snapshot_news) {
    Replica& replica = Find(news.group);
    replica.snapshots().OnNews(news, replica.group());
  }
  for (replication::Proposal& proposal : in.proposals) {
    replication::Group& group = Find(proposal.group).group();
    group.Add(std::move(proposal));
  }
  for (replication::BarrierRequest& barrier : in.barriers) {
    Find(barrier.group).group().Add(std::move(barrier.done));
  }
  for (replication::MemberRequest& request : in.members) {
    replication::Group& group = Find(request.group).group();
    group.Add(std::move(request));
  }
}

void Process::DispatchMessage(pb::RaftMessage message) {
  if (message.type() == pb::RaftMessage::STATE_DIGEST) return DeliverDigests(message);
  replication::Group& group = Find(message.group()).group();
  group.Step(std::move(message));
}

// What the loop has left for the appliers and the workers.
void Process::WakeOthers() {
  for (const auto& replica : replicas_) replica->WakeApplier();
  if (workers_->queued() > 0 && !std::exchange(worker_posted_, true)) {
    machine_.post(machine_.random->Exponential(kWorkerDelay), [this] { WorkerTurn(); });
  }
}

void Process::WorkerTurn() {
  worker_posted_ = false;
  workers_->RunOne();
  if (workers_->queued() > 0) WakeOthers();
}

// ---- the log

void Process::StartWrite() {
  if (!writing_.empty() || to_write_.empty() || failed_) return;
  writing_.assign(std::make_move_iterator(to_write_.begin()),
                  std::make_move_iterator(to_write_.end()));
  to_write_.clear();
  const int64_t duration_ns = DiskDelay(machine_.options->sync_us);
  machine_.post(duration_ns, [this] { FinishWrite(); });
  machine_.write_begun(duration_ns);
}

// As LogWriter::WriteAll.
void Process::FinishWrite() {
  std::vector<replication::WriteTask> tasks = std::exchange(writing_, {});
  std::vector<replication::GroupWrite> writes;
  for (const replication::WriteTask& task : tasks) {
    if (task.has_write) writes.push_back(CopyOf(task.write));
  }
  if (!writes.empty()) {
    machine_.counts->Add("log writes");
    if (auto status = machine_.log->Write(writes); !status.ok()) {
      machine_.counts->Add("logs that failed");
      failed_ = true;
      inbox_.AddLogFailure(status);
      return Wake();
    }
  }
  for (const replication::GroupWrite& write : writes) {
    Find(write.group).checkers().Persisted(machine_.id, write);
  }
  Acknowledge(std::move(tasks));
}

// As LogWriter::Acknowledge.
void Process::Acknowledge(std::vector<replication::WriteTask> tasks) {
  std::vector<replication::PersistedWrite> persisted;
  for (replication::WriteTask& task : tasks) {
    for (auto& message : task.messages_after) outbox_.Add(std::move(message));
    if (task.write_id != 0) persisted.push_back({task.write.group, task.write_id});
    if (task.reset_index == 0) continue;
    replication::SnapshotNews news;
    news.group = task.write.group;
    news.kind = replication::SnapshotNews::Kind::kLogReset;
    news.meta.index = task.reset_index;
    inbox_.AddSnapshotNews(std::move(news));
  }
  outbox_.Send();
  if (!persisted.empty()) inbox_.AddPersisted(std::move(persisted));
  StartWrite();
  Wake();
}

void Process::ReadLog(replication::ReadEntries read) {
  machine_.counts->Add("log reads");
  machine_.post(DiskDelay(machine_.options->sync_us), [this, read = std::move(read)]() mutable {
    constexpr size_t kMaxBytes = 65'536;
    auto entries = machine_.log->store()->Read(
        read.group, read.read.low, static_cast<size_t>(machine_.options->append_entries),
        kMaxBytes);
    if (entries.ok()) read.entries = *std::move(entries);
    inbox_.AddRead(std::move(read));
    Wake();
  });
}

int64_t Process::DiskDelay(int64_t usual_us) {
  return machine_.random->Exponential(usual_us * kUs) * *machine_.slowness;
}

// ---- from outside, for the service and for operators

void Process::Receive(RaftMessageBatch batch) {
  inbox_.AddBatch(std::move(batch));
  Wake();
}

bool Process::ReceiveSnapshot(const SnapshotParcel& parcel) {
  Replica& replica = Find(parcel.manifest.group());
  return !replica.group().failed() &&
         replica.snapshots().Receive(parcel, replica.group().applied_index());
}

void Process::Execute(std::unique_ptr<pb::SegmentRequest> request, metadata::SegmentCallback done) {
  const size_t bytes = request->ByteSizeLong();
  if (absl::Status sound = metadata::CheckRequest(*request, bytes); !sound.ok()) {
    return done(sound);
  }
  metadata::Group& service = Find(request->group()).service();
  if (!metadata::SegmentMutates(*request)) {
    if (auto response = service.TryRead(*request)) {
      machine_.counts->Add("reads at once under a lease");
      return done(std::move(response));
    }
  }
  service.Execute(std::move(request), bytes, std::move(done));
  WakeOthers();
}

void Process::Propose(GroupId group, std::string data,
                      std::shared_ptr<replication::ProposalContext> context) {
  replication::Proposal proposal;
  proposal.group = group;
  proposal.ticket = in_flight_.Take(data.size());
  proposal.data = std::make_shared<const std::string>(std::move(data));
  proposal.context = std::move(context);
  inbox_.AddProposal(std::move(proposal));
  Wake();
}

void Process::ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) {
  Replica& replica = Find(group);
  auto checked = [this, &replica, committed = replica.checkers().commit_index(), turn = turns_ + 1,
                  done = std::move(done)](absl::Status status) mutable {
    if (status.ok()) {
      const bool at_once = turns_ == turn && machine_.options->leases != 0;
      if (at_once) machine_.counts->Add("read barriers held by a lease");
      replica.checkers().BarrierHeld(machine_.id, replica.group().applied_index(), committed);
    }
    done(std::move(status));
  };
  inbox_.AddBarrier({group, std::move(checked)});
  Wake();
}

// As RaftNode's.
bool Process::MayReadAtOnce(GroupId group) const {
  const auto until = readable_until_us_.find(group);
  return until != readable_until_us_.end() &&
         replication::ReadLeaseTimeUs(*machine_.clock) < until->second;
}

void Process::ChangeMembers(GroupId group, replication::MemberChange change,
                            replication::MemberCallback done) {
  inbox_.AddMembers({group, std::move(change), false, 0, std::move(done)});
  Wake();
}

void Process::TransferLeadership(GroupId group, NodeId to, replication::MemberCallback done) {
  inbox_.AddMembers({group, {}, true, to, std::move(done)});
  Wake();
}

// As RaftNode does.
void Process::SendDigests(GroupId group, const std::vector<replication::StateDigest>& digests) {
  pb::RaftMessage message;
  message.set_type(pb::RaftMessage::STATE_DIGEST);
  message.set_group(group);
  message.set_from(machine_.id);
  for (const replication::StateDigest& digest : digests) {
    pb::StateDigest* added = message.add_state_digests();
    added->set_index(digest.index);
    added->set_hash(digest.hash);
  }
  for (const NodeId peer : core(group).configuration().Members()) {
    if (peer == machine_.id) continue;
    message.set_to(peer);
    outbox_.Add(message);
  }
  outbox_.Send();
}

void Process::DeliverDigests(const pb::RaftMessage& message) {
  std::vector<replication::StateDigest> digests;
  for (const pb::StateDigest& digest : message.state_digests()) {
    digests.push_back({digest.index(), digest.hash()});
  }
  Find(message.group()).machine().OnPeerDigests(message.from(), digests);
}

// Nothing that a run does makes a sound replica wrong.
void Process::Fail(GroupId, absl::Status why) {
  throw Violation("a replica took itself out: " + why.ToString());
}

// Before the groups are open nobody leads here.
void Process::Settle() const {
  for (const auto& replica : replicas_) replica->Settle();
}

replication::GroupStatus Process::Status(GroupId group) const {
  const Replica& replica = Find(group);
  return replica.open() ? replica.group().Status() : replication::GroupStatus{.group = group};
}

void Process::Send(NodeId to, RaftMessageBatch batch) {
  machine_.counts->Add("batches of Raft messages");
  for (const pb::RaftMessage& message : batch.messages()) {
    Find(message.group()).checkers().Sent(message);
  }
  machine_.deliver(to, batch);
}

}  // namespace openefs::sim
