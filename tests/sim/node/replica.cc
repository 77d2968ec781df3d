#include "tests/sim/node/replica.h"

#include <algorithm>
#include <utility>

#include "metadata/service/metadata_service.h"
#include "metadata/store/keys.h"
#include "replication/node/node_snapshots.h"
#include "replication/node/read_lease.h"
#include "tests/sim/kernel/violation.h"
#include "tests/sim/node/timing.h"

namespace openefs::sim {
namespace {

namespace raft = replication::raft;

constexpr int kSnapshotRetryTicks = 20;

static_assert(kLeaseDriftPercent == replication::kMaxClockDriftPercent);

raft::RaftOptions CoreOptions(const SimOptions& options) {
  raft::RaftOptions core;
  core.flight.max_append_entries = static_cast<size_t>(options.append_entries);
  core.cache_bytes = static_cast<size_t>(options.cache_bytes);
  core.max_unapplied_to_lead = static_cast<uint64_t>(options.unapplied_to_lead);
  if (options.leases != 0) core.lease = replication::ReadLeaseFor(kTickMs);
  core.planted_bug = static_cast<raft::PlantedBug>(options.planted_raft);
  return core;
}

}  // namespace

// Between replication and the state machine: shows the checkers what is applied.
class Replica::TappedMachine final : public replication::StateMachine {
 public:
  TappedMachine(replication::StateMachine* inner, const Machine& machine, GroupId group)
      : inner_(inner),
        machine_(machine),
        checkers_(machine.checkers->at(group)),
        store_(machine.stores->at(group)) {}

  absl::Status Apply(absl::Span<const replication::CommittedEntry> entries) override {
    checkers_.WillApply(machine_.id, entries);
    const absl::Status status = inner_->Apply(entries);
    if (status.ok() && StoreHasAll()) {
      checkers_.Applied(machine_.id, AppliedIndex(), store_.hash());
    }
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
    machine_.counts->Add(AppliedIndex() == 0 ? "snapshots installed by a new replica"
                                             : "snapshots installed");
    const absl::Status status = inner_->Install(directory);
    if (status.ok()) checkers_.Applied(machine_.id, AppliedIndex(), store_.hash());
    return status;
  }
  void OnLeader(uint64_t term) override { inner_->OnLeader(term); }
  void OnFollower() override { inner_->OnFollower(); }
  void OnPeerDigests(NodeId from, absl::Span<const replication::StateDigest> digests) override {
    machine_.counts->Add("state digests compared", digests.size());
    inner_->OnPeerDigests(from, digests);
  }

 private:
  // Or are some rows still on their way?
  bool StoreHasAll() const {
    const auto index = store_.content().find(metadata::keys::AppliedIndex());
    return index != store_.content().end() && metadata::DecodeU64(index->second) == AppliedIndex();
  }

  replication::StateMachine* const inner_;
  const Machine& machine_;
  Checkers& checkers_;
  const KvDisk& store_;
};

Replica::Replica(GroupId id, Parts parts)
    : id_(id),
      parts_(std::move(parts)),
      snapshots_(parts_.machine->log->directory(), parts_.inbox, parts_.machine->send_snapshot,
                 parts_.wake) {
  const Machine& machine = *parts_.machine;
  metadata::MetadataServiceOptions options;
  options.node_id = machine.id;
  options.voters = machine.voters;
  options.planted_bug = static_cast<metadata::PlantedBug>(machine.options->planted_metadata);
  service_ = std::make_unique<metadata::Group>(metadata::Group::Parts{.id = id,
                                                                      .node = parts_.node,
                                                                      .workers = parts_.workers,
                                                                      .clock = machine.clock,
                                                                      .random = machine.random,
                                                                      .store = ""},
                                               OpenStore(), options);
  state_machine_ = std::make_unique<TappedMachine>(service_->machine(), machine, id);
}

Replica::~Replica() = default;

std::unique_ptr<metadata::KvEngine> Replica::OpenStore() const {
  const Machine& machine = *parts_.machine;
  metadata::WriteBehindLimits limits;
  limits.rows = static_cast<size_t>(machine.options->write_behind_rows);
  return metadata::MakeWriteBehindKv(machine.stores->at(id_).Open(), limits);
}

void Replica::Settle() const { (void)service_->Snapshot(); }

replication::StateMachine& Replica::machine() { return *state_machine_; }

absl::Status Replica::Recover() {
  return replication::NodeSnapshots::Recover(id_, parts_.machine->log->directory(),
                                             state_machine_.get(), parts_.machine->log->store());
}

absl::Status Replica::Open() {
  const Machine& machine = *parts_.machine;
  raft::RaftOptions options = CoreOptions(*machine.options);
  options.id = machine.id;
  options.seed = machine.random->Next();
  auto durable = Load();
  if (!durable.ok()) return durable.status();
  checkers().Started(machine.id, *durable, machine.stores->at(id_).hash());
  group_ = std::make_unique<replication::Group>(
      id_, std::move(options), *std::move(durable), state_machine_.get(), parts_.inbox,
      static_cast<uint64_t>(machine.options->flush_bytes), SnapshotOptions());
  group_->StartWithoutThread();
  return absl::OkStatus();
}

replication::GroupSnapshots::Options Replica::SnapshotOptions() {
  replication::GroupSnapshots::Options options;
  options.log_directory = parts_.machine->log->directory();
  options.retry_ticks = kSnapshotRetryTicks;
  options.fault = [this](replication::SnapshotStep step) {
    if (!parts_.machine->stops_at(step)) return absl::OkStatus();
    return absl::AbortedError("simulated: the machine stops");
  };
  return options;
}

// As RaftNode::LoadGroup.
absl::StatusOr<raft::DurableState> Replica::Load() {
  const Machine& machine = *parts_.machine;
  const uint64_t applied = state_machine_->AppliedIndex();
  auto log = machine.log->store()->Load(id_, applied + 1);
  if (!log.ok()) return log.status();
  if (applied > log->contents.last_index || applied + 1 < log->contents.first_index) {
    return absl::DataLossError("log and state machine do not fit");
  }
  if (log->configuration.voters.empty()) {
    log->configuration = raft::Normalized({machine.voters, {}, {}});
    replication::GroupWrite first;
    first.group = id_;
    first.first_configuration = log->configuration;
    if (auto status = machine.log->Write({&first, 1}); !status.ok()) return status;
  }
  return raft::DurableState{log->hard_state, std::move(log->contents), applied,
                            std::move(log->configuration), std::move(log->configurations)};
}

// As RaftNode::LimitLogs.
void Replica::LimitLog() {
  constexpr uint64_t kForSnapshots = 4;
  const auto bytes = static_cast<uint64_t>(parts_.machine->options->retain_bytes);
  const replication::LogStore* store = parts_.machine->log->store();
  if (store->GroupBytes(id_) <= bytes) return;
  group_->LimitLog(store->IndexKeeping(id_, bytes),
                   store->IndexKeeping(id_, kForSnapshots * bytes));
  group_->FlushIfItHelps();
}

void Replica::WakeApplier() {
  if (std::exchange(apply_posted_, true)) return;
  const int64_t delay =
      parts_.machine->random->Exponential(parts_.machine->options->apply_us * kUs);
  parts_.machine->post(delay, [this] { ApplyTurn(); });
}

void Replica::ApplyTurn() {
  apply_posted_ = false;
  if (!group_->ApplyQueued()) return;
  parts_.wake();  // a flush or a snapshot may have news for the loop
  WakeApplier();
}

void Replica::Stop() {
  if (group_ != nullptr) group_->Stop();
}

}  // namespace openefs::sim
