#include "replication/node/raft_node.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/random.h"
#include "common/turn.h"
#include "replication/node/read_lease.h"

namespace openefs::replication {
namespace {

// State machines are busy with the processor, and now and then with a flush: one thread more than
// the busiest group needs keeps the others going; very many only take turns.
size_t AppliersFor(size_t cores) { return std::clamp<size_t>(cores, 2, 8); }

}  // namespace

RaftNode::RaftNode(ReplicaNodeOptions options, Transport* transport, const Clock* clock)
    : options_(std::move(options)),
      transport_(transport),
      clock_(clock),
      in_flight_(options_.max_proposals_in_flight, options_.max_proposal_bytes_in_flight),
      appliers_(AppliersFor(std::thread::hardware_concurrency())) {}

void RaftNode::AddGroup(GroupId group, StateMachine* machine) {
  machines_[group] = machine;
  readable_until_us_[group] = 0;
}

absl::Status RaftNode::Start() {
  LogStoreOptions log;
  log.directory = options_.directory;
  log.node_id = options_.node_id;
  log.cluster_id = options_.cluster_id;
  log.segment_bytes = options_.segment_bytes;
  log.fault = options_.log_fault;
  log.on_damage = [this](const absl::Status& damage) { return OnLogDamage(damage); };
  auto store = LogStore::Open(std::move(log));
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  if (auto status = OpenPeers(); !status.ok()) return status;
  if (auto status = RecoverGroups(); !status.ok()) return status;
  if (peers_->formed()) {
    if (auto status = OpenGroups(); !status.ok()) return status;
  }
  writer_ = std::make_unique<LogWriter>(store_.get(), inbox_.get(), Outbox(peers_.get()),
                                        options_.node_id);
  reader_ = std::make_unique<LogReader>(store_.get(), inbox_.get());
  OpenSnapshots();
  started_ = true;
  appliers_.Start();
  writer_->Start();
  reader_->Start();
  snapshots_->Start();
  for (const auto& [id, group] : groups_) group->Start(&appliers_);
  running_.store(true, std::memory_order_release);
  inbox_->SetGuestTurn([this](LoopInput& in) { RunGuestTurn(in); });
  loop_ = std::thread([this] { Run(); });
  transport_->SetReceiver(
      {.batch = [inbox = inbox_](pb::RaftMessageBatch batch) { inbox->AddBatch(std::move(batch)); },
       .hello =
           [inbox = inbox_](pb::PeerHello hello, Transport::HelloReply reply) {
             inbox->AddHello({std::move(hello), std::move(reply)});
           },
       .snapshot =
           [inbox = inbox_](pb::SnapshotRequest request, BufferList bytes,
                            Transport::SnapshotCallback reply) {
             inbox->AddSnapshot({std::move(request), std::move(bytes), std::move(reply), 0});
           }});
  return absl::OkStatus();
}

absl::Status RaftNode::OpenPeers() {
  auto identity = Identity::Open(options_.directory, options_.node_id, SystemRandom::Get());
  if (!identity.ok()) return identity.status();
  Peers::Options peers;
  peers.cluster_id = options_.cluster_id;
  peers.first_voters = options_.voters;
  peers.address = options_.address;
  peers.az = options_.az;
  peers.hello_ms = options_.heartbeat_ticks * options_.tick_ms;
  peers.silence_ms = options_.election_ticks * options_.tick_ms;
  peers_ = std::make_unique<Peers>(
      std::move(peers), *std::move(identity), transport_,
      [inbox = inbox_](NodeId from, absl::StatusOr<pb::PeerWelcome> welcome) {
        inbox->AddWelcome({from, std::move(welcome)});
      },
      SystemRandom::Get());
  outbox_ = std::make_unique<Outbox>(peers_.get());
  PublishState(peers_->fatal());
  return peers_->fatal();
}

void RaftNode::OpenSnapshots() {
  SnapshotSender::Options sender;
  sender.node_id = options_.node_id;
  sender.cluster_id = options_.cluster_id;
  sender.bytes_per_second = options_.snapshot_bytes_per_second;
  sender.part_bytes = std::min(options_.snapshot_part_bytes, kMaxSnapshotPartBytes);
  sender.patience_ms = options_.snapshot_patience_ms;
  sender.fault = options_.snapshot_fault;
  SnapshotReceiver::Options receiver;
  receiver.cluster_id = options_.cluster_id;
  receiver.log_directory = options_.directory;
  receiver.fault = options_.snapshot_fault;
  for (const auto& [id, machine] : machines_) receiver.groups.push_back(id);
  snapshots_ = std::make_unique<NodeSnapshots>(
      std::move(sender), std::move(receiver),
      [this](NodeId to, pb::SnapshotRequest request, BufferList bytes,
             Transport::SnapshotCallback done) {
        if (!peers_->Stamp(to, request.mutable_envelope())) {
          return done(absl::UnavailableError("not introduced to each other"));
        }
        transport_->Snapshot(to, std::move(request), std::move(bytes), std::move(done));
      },
      inbox_.get(), clock_);
}

// Not before this node takes part: until then it must neither vote nor acknowledge anything.
absl::Status RaftNode::OpenGroups() {
  groups_opened_ = true;
  for (const auto& [id, machine] : machines_) {
    if (rebuilds_.contains(id)) continue;
    if (auto status = OpenGroup(id, machine); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RaftNode::OpenGroup(GroupId id, StateMachine* machine) {
  raft::RaftOptions raft;
  auto durable = LoadGroup(id, machine);
  if (!durable.ok()) return durable.status();
  raft.id = options_.node_id;
  raft.heartbeat_ticks = options_.heartbeat_ticks;
  raft.election_ticks = options_.election_ticks;
  raft.seed = SystemRandom::Get()->Next64();
  if (options_.read_leases) raft.lease = ReadLeaseFor(options_.tick_ms);
  groups_[id] = std::make_unique<Group>(id, std::move(raft), *std::move(durable), machine,
                                        inbox_.get(), options_.flush_log_bytes,
                                        GroupSnapshots::Options{
                                            .log_directory = options_.directory,
                                            .fault = options_.snapshot_fault,
                                        });
  if (const auto* rebuilt = peers_->identity().FindRebuild(id)) {
    groups_[id]->SetLife(rebuilt->life());
  }
  awake_.insert(id);
  const raft::Raft& core = groups_[id]->core();
  const uint64_t committed = std::max(core.commit_index(), core.log().first_index() - 1);
  committed_members_[id] = core.ConfigurationAt(committed).Members();
  MutexLock lock(status_mu_);
  statuses_[id] = groups_[id]->Status();
  return absl::OkStatus();
}

// Log and state machine must fit: entries between them may be missing neither here nor there.
absl::StatusOr<LogStore::GroupLog> RaftNode::LoadLog(GroupId id, StateMachine* machine) const {
  const uint64_t applied = machine->AppliedIndex();
  auto log = store_->Load(id, applied + 1);
  if (!log.ok()) return log.status();
  const raft::LogView::Contents& contents = log->contents;
  if (applied <= contents.last_index && applied + 1 >= contents.first_index) return log;
  return absl::DataLossError(
      absl::StrCat("group ", id, ": the state machine has applied entry ", applied,
                   ", but the log in ", options_.directory, " holds ", contents.first_index, " to ",
                   contents.last_index, ": one of them was lost or replaced"));
}

absl::StatusOr<raft::DurableState> RaftNode::LoadGroup(GroupId id, StateMachine* machine) {
  auto log = LoadLog(id, machine);
  if (!log.ok()) return log.status();
  if (log->configuration.voters.empty()) {
    log->configuration = raft::Normalized({peers_->identity().first_voters(), {}, {}});
    GroupWrite first;
    first.group = id;
    first.first_configuration = log->configuration;
    if (auto status = store_->Write({&first, 1}); !status.ok()) return status;
  }
  return raft::DurableState{log->hard_state, std::move(log->contents), machine->AppliedIndex(),
                            std::move(log->configuration), std::move(log->configurations)};
}

void RaftNode::Stop() {
  if (!std::exchange(started_, false)) return;
  transport_->SetReceiver({});
  inbox_->Close();
  loop_.join();
  rebuilds_.clear();  // waits for what is under way
  snapshots_->Stop();
  peers_->Leave();
  writer_->Stop();
  reader_->Stop();
  for (const auto& [id, group] : groups_) group->Stop();
  appliers_.Stop();
}

void RaftNode::Propose(GroupId group, std::string data, std::shared_ptr<ProposalContext> context) {
  Proposal proposal;
  proposal.group = group;
  proposal.ticket = in_flight_.Take(data.size());
  proposal.context = context;
  // Beyond the limits only the context goes on, so that it is dropped on a thread of the node.
  if (proposal.ticket.held()) {
    proposal.data = std::make_shared<const std::string>(std::move(data));
  }
  if (inbox_->AddProposal(std::move(proposal))) return;
  context->OnDropped(absl::UnavailableError("this node has stopped"));
}

void RaftNode::ReadBarrier(GroupId group, absl::AnyInvocable<void(absl::Status)> done) {
  BarrierRequest request{group, std::move(done)};
  if (inbox_->AddBarrier(std::move(request))) return;
  request.done(absl::UnavailableError("this node has stopped"));
}

// First the lease, then the clock: if it has not run out by then, it was good when it was looked
// at, and what was applied then is all that anybody was told.
bool RaftNode::MayReadAtOnce(GroupId group) const {
  const auto until = readable_until_us_.find(group);
  if (until == readable_until_us_.end()) return false;
  const uint64_t until_us = until->second.load(std::memory_order_acquire);
  return until_us != 0 && ReadLeaseTimeUs(*clock_) < until_us;
}

void RaftNode::PublishLease(GroupId id, uint64_t readable_until_us) {
  if (!options_.read_leases) return;
  readable_until_us_.at(id).store(readable_until_us, std::memory_order_release);
}

void RaftNode::SendDigests(GroupId group, const std::vector<StateDigest>& digests) {
  pb::RaftMessage message;
  message.set_type(pb::RaftMessage::STATE_DIGEST);
  message.set_group(group);
  message.set_from(options_.node_id);
  for (const StateDigest& digest : digests) {
    pb::StateDigest* added = message.add_state_digests();
    added->set_index(digest.index);
    added->set_hash(digest.hash);
  }
  peers_->Broadcast(message);
}

void RaftNode::Fail(GroupId group, absl::Status why) {
  if (machines_.contains(group)) inbox_->AddFailure({group, std::move(why)});
}

GroupStatus RaftNode::Status(GroupId group) const {
  MutexLock lock(status_mu_);
  const auto found = statuses_.find(group);
  return found == statuses_.end() ? GroupStatus{.group = group} : found->second;
}

NodeState RaftNode::State() const {
  MutexLock lock(status_mu_);
  return state_;
}

void RaftNode::Run() {
  int64_t next_tick_ms = clock_->MonotonicMs() + options_.tick_ms;
  while (true) {
    const int64_t wait_ms = next_tick_ms - clock_->MonotonicMs();
    LoopInput in = inbox_->Take(std::clamp<int64_t>(wait_ms, 0, options_.tick_ms));
    if (in.stop) return DropInput(in);
    const Turn turn;
    Begin(in);
    const int64_t now_ms = clock_->MonotonicMs();
    if (now_ms >= next_tick_ms) {
      // After a pause one tick, not many: the others may have sent all the while.
      next_tick_ms = now_ms + options_.tick_ms;
      TickPeers();
      TickAll();
      TickRebuilds();
    }
    ProcessDirty();
    ReopenGroups();
  }
}

void RaftNode::RunGuestTurn(LoopInput& in) {
  Begin(in);
  ProcessDirty();
  ReopenGroups();
}

void RaftNode::Begin(LoopInput& in) {
  if (options_.read_leases) turn_us_ = ReadLeaseTimeUs(*clock_);
  Dispatch(in);
}

Group* RaftNode::Touch(GroupId id) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return nullptr;
  Group* group = found->second.get();
  if (!std::exchange(group->dirty, true)) {
    dirty_.push_back(group);
    awake_.insert(id);
    if (options_.read_leases) group->OnTime(turn_us_);
  }
  return group;
}

void RaftNode::Dispatch(LoopInput& in) {
  DispatchFailures(in);
  DispatchResets(in);
  for (const PersistedWrite& write : in.persisted) Touch(write.group)->OnPersisted(write.write_id);
  for (ReadEntries& read : in.reads) Touch(read.group)->OnEntriesRead(std::move(read));
  for (const FlushedIndex& flushed : in.flushed) Touch(flushed.group)->OnFlushed(flushed.index);
  if (!gave_up_) DispatchPeers(in);
  DispatchSnapshots(in);
  for (Proposal& proposal : in.proposals) {
    if (Group* group = Touch(proposal.group)) {
      group->Add(std::move(proposal));
    } else {
      proposal.context->OnDropped(absl::UnavailableError("no such group here"));
    }
  }
  for (BarrierRequest& barrier : in.barriers) {
    if (Group* group = Touch(barrier.group)) {
      group->Add(std::move(barrier.done));
    } else {
      barrier.done(absl::UnavailableError("no such group here"));
    }
  }
  DispatchMembers(in);
}

void RaftNode::DispatchPeers(LoopInput& in) {
  const int64_t now_ms = clock_->MonotonicMs();
  for (HelloRequest& request : in.hellos) request.reply(peers_->OnHello(request.hello, now_ms));
  for (HelloAnswer& answer : in.welcomes) peers_->OnWelcome(answer.from, answer.welcome, now_ms);
  for (pb::RaftMessageBatch& batch : in.batches) {
    if (!peers_->Accept(batch, now_ms)) continue;
    if (batch.alive()) CheckVouch(batch);
    for (pb::RaftMessage& message : *batch.mutable_messages()) {
      if (message.from() == batch.from()) Deliver(std::move(message));
    }
  }
}

void RaftNode::Deliver(pb::RaftMessage message) {
  switch (message.type()) {
    case pb::RaftMessage::STATE_DIGEST:
      return DeliverDigests(message);
    case pb::RaftMessage::REBUILD:
      return OnRebuildAsked(message);
    case pb::RaftMessage::REBUILD_REPLY:
      return OnRebuildReply(message);
    default:
      break;
  }
  Group* group = Touch(message.group());
  if (group == nullptr) return;
  switch (message.type()) {
    case pb::RaftMessage::QUIET:
      return group->OnQuiet(message);
    case pb::RaftMessage::WAKE:
      return group->Wake();
    default:
      return group->Step(std::move(message));
  }
}

void RaftNode::DispatchSnapshots(LoopInput& in) {
  const int64_t now_ms = clock_->MonotonicMs();
  for (SnapshotArrival& arrival : in.snapshots) {
    if (gave_up_ || !peers_->Accept(arrival.request.envelope(), now_ms)) {
      arrival.reply(absl::UnavailableError("not introduced to each other"));
    } else {
      const auto group = groups_.find(arrival.request.group());
      snapshots_->OnArrival(std::move(arrival),
                            group == groups_.end() ? nullptr : group->second.get());
    }
  }
  for (const SnapshotNews& news : in.snapshot_news) snapshots_->OnNews(news, Touch(news.group));
}

void RaftNode::TickPeers() {
  if (gave_up_) return;
  peers_->Tick(clock_->MonotonicMs(), [this](NodeId peer) { return VouchFor(peer); });
  for (const NodeId peer : peers_->TakeLost()) OnPeerLost(peer);
  for (const NodeId peer : peers_->TakeBack()) OnPeerBack(peer);
  absl::Status trouble = peers_->fatal();
  if (trouble.ok() && peers_->formed() && !groups_opened_) {
    trouble = OpenGroups();
    for (const auto& [id, group] : groups_) group->Start(&appliers_);
  }
  if (!trouble.ok()) return GiveUp(trouble);
  PublishState(absl::OkStatus());
}

void RaftNode::PublishState(const absl::Status& fatal) {
  NodeState state;
  state.incarnation = peers_->identity().incarnation();
  state.formed = peers_->formed();
  state.fatal = fatal;
  for (Peers::View& view : peers_->Views()) {
    state.peers.push_back(
        {view.node, std::move(view.address), view.connected, std::move(view.trouble)});
  }
  for (const auto& [node, member] : peers_->identity().members()) state.members.push_back(member);
  MutexLock lock(status_mu_);
  state_ = std::move(state);
}

void RaftNode::GiveUp(const absl::Status& why) {
  gave_up_ = true;
  Log(LogLevel::kError, "raft.gives_up",
      {{"node", options_.node_id}, {"why", std::string(why.message())}});
  for (const auto& [id, group] : groups_) Touch(id)->Fail(why);
  peers_->Leave();
  PublishState(why);
  if (options_.on_fatal) options_.on_fatal(why);
}

void RaftNode::DispatchFailures(LoopInput& in) {
  if (!in.log_failure.ok()) {
    for (const auto& [id, group] : groups_) Touch(id)->Fail(in.log_failure);
  }
  for (const GroupFailure& failure : in.failures) {
    if (failure.rebuild) {
      BeginRebuild(failure);
    } else if (Group* group = Touch(failure.group))
      group->Fail(failure.why);
  }
}

void RaftNode::DeliverDigests(const pb::RaftMessage& message) {
  const auto machine = machines_.find(message.group());
  if (machine == machines_.end()) return;
  std::vector<StateDigest> digests;
  for (const pb::StateDigest& digest : message.state_digests()) {
    digests.push_back({digest.index(), digest.hash()});
  }
  machine->second->OnPeerDigests(message.from(), digests);
}

void RaftNode::TickAll() {
  const auto alive = [this](NodeId node) { return peers_->Alive(node); };
  for (auto at = awake_.begin(); at != awake_.end();) {
    const auto found = groups_.find(*at);
    if (found == groups_.end() || found->second->quiet()) {
      at = awake_.erase(at);
      continue;
    }
    Group* group = Touch(*at++);
    group->Tick();
    group->MaybeGoQuiet(alive);
  }
  LimitLogs();
  if (store_->TotalBytes() < 2 * std::max(options_.segment_bytes, options_.flush_log_bytes)) return;
  for (const GroupId id : store_->PinningGroups()) {
    if (Group* group = Touch(id)) group->FlushIfItHelps();
  }
}

// A group that has little in the log can hold up the deletion of what others wrote after it.
void RaftNode::LimitLogs() {
  constexpr uint64_t kForSnapshots = 4;
  for (const GroupId id : awake_) {  // to others nothing is added
    const uint64_t bytes = options_.retain_log_bytes;
    if (store_->GroupBytes(id) <= bytes) continue;
    Group* group = Touch(id);
    group->LimitLog(store_->IndexKeeping(id, bytes),
                    store_->IndexKeeping(id, kForSnapshots * bytes));
    group->FlushIfItHelps();
  }
  if (store_->TotalBytes() <= options_.retain_total_log_bytes) return;
  for (const GroupId id : store_->PinningGroups()) {
    if (Group* group = Touch(id)) group->LimitLog(store_->LastIndexInOldest(id) + 1, 0);
  }
}

void RaftNode::ProcessDirty() {
  if (!dirty_.empty()) {
    vouches_.clear();
    expected_.clear();
  }
  LoopOutput out;
  out.outbox = outbox_.get();
  for (Group* group : dirty_) {
    group->Process(out);
    snapshots_->Collect(*group);
  }
  snapshots_->Serve([this](GroupId id) { return groups_.at(id).get(); });
  if (!out.configurations.empty()) NoteConfigurations(std::move(out.configurations));
  // Before anybody hears what may end the lease.
  for (const Group* group : dirty_) PublishLease(group->id(), group->ReadableUntilUs());
  writer_->Submit(std::move(out.writes));
  outbox_->Send();
  for (const ReadEntries& read : out.reads) reader_->Submit(read.group, read.read);
  {
    MutexLock lock(status_mu_);
    for (Group* group : dirty_) {
      statuses_[group->id()] = group->Status();
      const auto rebuild = rebuilds_.find(group->id());
      if (rebuild != rebuilds_.end()) {
        statuses_[group->id()].rebuild = rebuild->second->Describe();
      }
    }
  }
  for (Group* group : dirty_) group->dirty = false;
  dirty_.clear();
}

void RaftNode::DropInput(LoopInput& in) {
  for (const auto& [id, machine] : machines_) PublishLease(id, 0);
  for (SnapshotArrival& arrival : in.snapshots) {
    arrival.reply(absl::UnavailableError("this node is stopping"));
  }
  for (Proposal& proposal : in.proposals) {
    proposal.context->OnDropped(absl::UnavailableError("this node is stopping"));
  }
  for (BarrierRequest& barrier : in.barriers) {
    barrier.done(absl::UnavailableError("this node is stopping"));
  }
  for (MemberRequest& request : in.members) {
    request.done(absl::UnavailableError("this node is stopping"));
  }
}

std::unique_ptr<ReplicaNode> MakeReplicaNode(ReplicaNodeOptions options, Transport* transport,
                                             const Clock* clock) {
  return std::make_unique<RaftNode>(std::move(options), transport, clock);
}

}  // namespace openefs::replication
