#include "tests/sim/node/process.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "metadata/service/metadata_service.h"
#include "metadata/service/request_check.h"
#include "replication/node/node_snapshots.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

using pb::RaftMessageBatch;
namespace raft = replication::raft;

// As production runs.
constexpr int64_t kTickMs = 50;
constexpr int64_t kTendMs = 200;
constexpr int kSnapshotRetryTicks = 20;
constexpr size_t kMaxJobsQueued = metadata::kMaxReadsInFlight;

// As ReplicaNodeOptions says.
constexpr size_t kMaxProposals = 16'384;
constexpr size_t kMaxProposalBytes = size_t{64} << 20;

// Between news and the turn of the loop that sees them: what comes meanwhile is seen with them.
constexpr int64_t kLoopDelay = 20 * kUs;
constexpr int64_t kWorkerDelay = 30 * kUs;

raft::RaftOptions CoreOptions(const SimOptions& options) {
  raft::RaftOptions core;
  core.flight.max_append_entries = static_cast<size_t>(options.append_entries);
  core.cache_bytes = static_cast<size_t>(options.cache_bytes);
  core.planted_bug = static_cast<raft::PlantedBug>(options.planted_raft);
  return core;
}

replication::GroupWrite CopyOf(const replication::GroupWrite& write) { return write; }

}  // namespace

// Between replication and the state machine: shows the checkers what is applied.
class Process::TappedMachine final : public replication::StateMachine {
 public:
  TappedMachine(replication::StateMachine* inner, const Machine& machine)
      : inner_(inner), machine_(machine) {}

  absl::Status Apply(absl::Span<const replication::CommittedEntry> entries) override {
    machine_.checkers->WillApply(machine_.id, entries);
    const absl::Status status = inner_->Apply(entries);
    if (status.ok()) machine_.checkers->Applied(machine_.id, AppliedIndex(), machine_.kv->hash());
    return status;
  }
  uint64_t AppliedIndex() const override { return inner_->AppliedIndex(); }
  absl::StatusOr<uint64_t> Flush() override {
    machine_.counts->Add("flushes");
    return inner_->Flush();
  }
  absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) override {
    machine_.counts->Add("checkpoints");
    return inner_->Checkpoint(directory);
  }
  absl::Status Install(const std::string& directory) override {
    const absl::Status status = inner_->Install(directory);
    machine_.counts->Add("snapshots installed");
    if (status.ok()) machine_.checkers->Applied(machine_.id, AppliedIndex(), machine_.kv->hash());
    return status;
  }
  void OnLeader(uint64_t term) override { inner_->OnLeader(term); }
  void OnFollower() override { inner_->OnFollower(); }
  void OnPeerDigests(NodeId from, absl::Span<const replication::StateDigest> digests) override {
    machine_.counts->Add("state digests compared", digests.size());
    inner_->OnPeerDigests(from, digests);
  }

 private:
  replication::StateMachine* const inner_;
  const Machine& machine_;
};

Process::Process(Machine machine)
    : machine_(std::move(machine)),
      in_flight_(kMaxProposals, kMaxProposalBytes),
      outbox_(this),
      snapshots_(machine_.log->directory(), &inbox_, machine_.send_snapshot, [this] { Wake(); }) {
  workers_ = std::make_unique<metadata::WorkerPool>(0, kMaxJobsQueued);
  metadata::MetadataServiceOptions options;
  options.node_id = machine_.id;
  options.voters = machine_.voters;
  options.planted_bug = static_cast<metadata::PlantedBug>(machine_.options->planted_metadata);
  service_ = std::make_unique<metadata::Group>(metadata::Group::Parts{.id = kGroup,
                                                                      .node = this,
                                                                      .workers = workers_.get(),
                                                                      .clock = machine_.clock,
                                                                      .random = machine_.random},
                                               machine_.kv->Open(), options);
  state_machine_ = std::make_unique<TappedMachine>(service_->machine(), machine_);
}

// Callbacks that are dropped on the way must find nobody to tell: see SimNode::Crash.
Process::~Process() {
  if (group_ != nullptr) group_->Stop();
  workers_->Stop();
  group_.reset();
  machine_.log->Close();
}

absl::Status Process::Start(bool crash_in_it) {
  if (auto status = machine_.log->Open(crash_in_it); !status.ok()) return status;
  auto recovered = replication::NodeSnapshots::Recover(kGroup, machine_.log->directory(),
                                                       state_machine_.get(), machine_.log->store());
  if (!recovered.ok()) return recovered;
  raft::RaftOptions options = CoreOptions(*machine_.options);
  options.id = machine_.id;
  options.seed = machine_.random->Next();
  auto durable = Load();
  if (!durable.ok()) return durable.status();
  machine_.checkers->Started(machine_.id, state_machine_->AppliedIndex(), machine_.kv->hash());
  group_ = std::make_unique<replication::Group>(
      kGroup, std::move(options), *std::move(durable), state_machine_.get(), &inbox_,
      static_cast<uint64_t>(machine_.options->flush_bytes), SnapshotOptions());
  group_->StartWithoutThread();
  machine_.post(machine_.random->Between(0, kTickMs * kMs), [this] { Tick(); });
  machine_.post(machine_.random->Between(0, kTendMs * kMs), [this] { Tend(); });
  return absl::OkStatus();
}

replication::GroupSnapshots::Options Process::SnapshotOptions() {
  replication::GroupSnapshots::Options options;
  options.log_directory = machine_.log->directory();
  options.retry_ticks = kSnapshotRetryTicks;
  options.fault = [this](replication::SnapshotStep step) {
    if (!machine_.stops_at(step)) return absl::OkStatus();
    return absl::AbortedError("simulated: the machine stops");
  };
  return options;
}

// As RaftNode::LoadGroup.
absl::StatusOr<raft::DurableState> Process::Load() {
  const uint64_t applied = state_machine_->AppliedIndex();
  auto log = machine_.log->store()->Load(kGroup, applied + 1);
  if (!log.ok()) return log.status();
  if (applied > log->contents.last_index || applied + 1 < log->contents.first_index) {
    return absl::DataLossError("log and state machine do not fit");
  }
  if (log->configuration.voters.empty()) {
    log->configuration = raft::Normalized({machine_.voters, {}, {}});
    replication::GroupWrite first;
    first.group = kGroup;
    first.first_configuration = log->configuration;
    if (auto status = machine_.log->Write({&first, 1}); !status.ok()) return status;
  }
  return raft::DurableState{log->hard_state, std::move(log->contents), applied,
                            std::move(log->configuration), std::move(log->configurations)};
}

void Process::LosePower() {
  if (!writing_.empty()) {
    std::vector<replication::GroupWrite> writes;
    for (const replication::WriteTask& task : writing_) {
      if (task.has_write) writes.push_back(CopyOf(task.write));
    }
    if (!writes.empty() && !failed_) machine_.log->CrashDuring(writes);
  }
  const size_t unflushed = machine_.kv->unflushed();
  machine_.kv->Crash(machine_.random->Below(unflushed + 1));
}

// ---- the event loop

void Process::Tick() {
  machine_.post(machine_.clock->TrueNs(kTickMs * kMs), [this] { Tick(); });
  group_->Tick();
  LimitLog();
  Turn();
}

// As RaftNode::LimitLogs.
void Process::LimitLog() {
  constexpr uint64_t kForSnapshots = 4;
  const auto bytes = static_cast<uint64_t>(machine_.options->retain_bytes);
  const replication::LogStore* store = machine_.log->store();
  if (failed_ || store->GroupBytes(kGroup) <= bytes) return;
  group_->LimitLog(store->IndexKeeping(kGroup, bytes),
                   store->IndexKeeping(kGroup, kForSnapshots * bytes));
  group_->FlushIfItHelps();
}

void Process::Tend() {
  machine_.post(machine_.clock->TrueNs(kTendMs * kMs), [this] { Tend(); });
  service_->Tend();
}

void Process::Wake() {
  if (std::exchange(turn_posted_, true)) return;
  machine_.post(kLoopDelay, [this] {
    turn_posted_ = false;
    Turn();
  });
}

void Process::Turn() {
  replication::LoopInput in = inbox_.Take(0);
  Dispatch(in);
  replication::LoopOutput out;
  out.outbox = &outbox_;
  group_->Process(out);
  snapshots_.Collect(*group_);
  for (replication::WriteTask& task : out.writes) to_write_.push_back(std::move(task));
  StartWrite();
  outbox_.Send();
  for (replication::ReadEntries& read : out.reads) ReadLog(std::move(read));
  machine_.checkers->Turned(machine_.id, *group_);
  WakeOthers();
}

void Process::Dispatch(replication::LoopInput& in) {
  if (!in.log_failure.ok()) group_->Fail(in.log_failure);
  for (const replication::GroupFailure& failure : in.failures) group_->Fail(failure.why);
  for (const replication::PersistedWrite& write : in.persisted) {
    group_->OnPersisted(write.write_id);
  }
  for (pb::RaftMessageBatch& batch : in.batches) {
    for (pb::RaftMessage& message : *batch.mutable_messages()) {
      if (message.type() == pb::RaftMessage::STATE_DIGEST) {
        DeliverDigests(message);
      } else {
        group_->Step(std::move(message));
      }
    }
  }
  for (replication::ReadEntries& read : in.reads) group_->OnEntriesRead(std::move(read));
  for (const replication::FlushedIndex& flushed : in.flushed) group_->OnFlushed(flushed.index);
  for (const replication::SnapshotNews& news : in.snapshot_news) snapshots_.OnNews(news, *group_);
  for (replication::Proposal& proposal : in.proposals) group_->Add(std::move(proposal));
  for (replication::BarrierRequest& barrier : in.barriers) group_->Add(std::move(barrier.done));
}

// What the loop has left for the applier and the workers.
void Process::WakeOthers() {
  if (!std::exchange(apply_posted_, true)) {
    const int64_t delay = machine_.random->Exponential(machine_.options->apply_us * kUs);
    machine_.post(delay, [this] { ApplyTurn(); });
  }
  if (workers_->queued() > 0 && !std::exchange(worker_posted_, true)) {
    machine_.post(machine_.random->Exponential(kWorkerDelay), [this] { WorkerTurn(); });
  }
}

void Process::ApplyTurn() {
  apply_posted_ = false;
  if (!group_->ApplyQueued()) return;
  Wake();  // a flush or a snapshot may have news for the loop
  WakeOthers();
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

// As LogWriter::WriteAll and Acknowledge.
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
  std::vector<replication::PersistedWrite> persisted;
  for (replication::WriteTask& task : tasks) {
    for (auto& message : task.messages_after) outbox_.Add(std::move(message));
    if (task.write_id != 0) persisted.push_back({kGroup, task.write_id});
    if (task.reset_index == 0) continue;
    replication::SnapshotNews news;
    news.group = kGroup;
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
        kGroup, read.read.low, static_cast<size_t>(machine_.options->append_entries), kMaxBytes);
    if (entries.ok()) read.entries = *std::move(entries);
    inbox_.AddRead(std::move(read));
    Wake();
  });
}

int64_t Process::DiskDelay(int64_t usual_us) {
  return machine_.random->Exponential(usual_us * kUs) * *machine_.slowness;
}

// ---- from outside and for the service

void Process::Receive(RaftMessageBatch batch) {
  inbox_.AddBatch(std::move(batch));
  Wake();
}

bool Process::ReceiveSnapshot(const SnapshotParcel& parcel) {
  return !group_->failed() && snapshots_.Receive(parcel, group_->applied_index());
}

void Process::Execute(std::unique_ptr<pb::SegmentRequest> request, metadata::SegmentCallback done) {
  const size_t bytes = request->ByteSizeLong();
  if (absl::Status sound = metadata::CheckRequest(*request, bytes); !sound.ok()) {
    return done(sound);
  }
  service_->Execute(std::move(request), bytes, std::move(done));
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
  inbox_.AddBarrier({group, std::move(done)});
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
  for (const NodeId peer : machine_.voters) {
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
  state_machine_->OnPeerDigests(message.from(), digests);
}

// Nothing that a run does makes a sound replica wrong.
void Process::Fail(GroupId, absl::Status why) {
  throw Violation("a replica took itself out: " + why.ToString());
}

replication::GroupStatus Process::Status(GroupId group) const {
  return group_ == nullptr ? replication::GroupStatus{.group = group} : group_->Status();
}

void Process::Send(NodeId to, RaftMessageBatch batch) {
  machine_.counts->Add("batches of Raft messages");
  machine_.deliver(to, batch);
}

}  // namespace openefs::sim
