#include "metadata/service/group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "metadata/ops/segment.h"
#include "metadata/service/condemned_store.h"
#include "metadata/service/request_check.h"
#include "metadata/state/client_id.h"
#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// Overdue clients expired in one round: each may hold tens of thousands of states.
constexpr size_t kExpiriesPerRound = 16;

// Messages between replicas may be lost; a group that has gone idle says its last three times, and
// again once in a while, for those that were restarted since.
constexpr int kTellings = 3;
constexpr int64_t kTellAgainMs = 30'000;

// Front-ends report who was active some time after the fact, and a client whose front-end died
// comes back through another one a little later. So silence counts as a lapse after half a lease
// more: others wait that much longer for what a dead client held, and no live one loses anything.
int64_t LapseMs(int64_t lease_ms) { return lease_ms + lease_ms / 2; }

std::unique_ptr<pb::SegmentResponse> OneResult(pb::FsError error) {
  auto response = std::make_unique<pb::SegmentResponse>();
  response->add_results()->set_error(error);
  return response;
}

std::vector<uint64_t> ClientsIn(const KvSnapshot& snapshot) {
  std::vector<uint64_t> clients;
  const std::string prefix = keys::Prefix(keys::kClusterWide, KeyTag::kClient);
  for (auto it = snapshot.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    absl::string_view key = it->Key();
    key.remove_prefix(prefix.size());
    clients.push_back(DecodeU64(key));
  }
  return clients;
}

bool AsksForLocks(const pb::SegmentRequest& request) {
  return std::any_of(request.operations().begin(), request.operations().end(),
                     [](const pb::Operation& operation) { return operation.has_lock_test(); });
}

}  // namespace

Group::Group(Parts parts, std::unique_ptr<KvEngine> engine, const MetadataServiceOptions& options)
    : parts_(parts),
      node_id_(options.node_id),
      planted_bug_(options.planted_bug),
      leases_(LapseMs(options.lease_ms)),
      monitor_(options.data_node_timeout_ms),
      machine_(parts.id, std::move(engine),
               {.on_leader = [this](uint64_t) { OnLeader(); },
                .on_follower = [this] { OnFollower(); },
                .on_difference = [this](const StateVerdict& verdict) { OnDifference(verdict); },
                .on_cleared = [this] { return OnCleared(); }},
               options.node_id, options.voters, options.cache_bytes / 2),
      ready_reads_(std::make_shared<ReadyReads>(
          parts.workers,
          [this](const pb::SegmentRequest& request) { return ReadFromMemory(request); },
          [this](const pb::SegmentRequest& request) { return ReadAnyhow(request); })),
      proposals_(
          [this](std::string data, std::shared_ptr<SegmentProposal> proposal) {
            parts_.node->Propose(parts_.id, std::move(data), std::move(proposal));
          },
          [this] { return leases_.Lapsed(NowMs()); }, parts.clock, parts.random) {
  machine_.Plant(planted_bug_);
  if (parts_.flush_in_background) machine_.FlushInBackground();
}

void Group::OnLeader() {
  leases_.Reset(ClientsIn(*machine_.Snapshot()), NowMs());
  monitor_.Reset(NowMs());
  leading_.store(!odd_.load(std::memory_order_acquire), std::memory_order_release);
}

// On a thread of the node. What has to wait for a disk is left to StopIfOdd.
void Group::OnDifference(const StateVerdict& verdict) {
  const bool self = verdict.kind == StateVerdict::Kind::kSelfOdd;
  const char* event = self                                           ? "metadata.state_wrong"
                      : verdict.kind == StateVerdict::Kind::kPeerOdd ? "metadata.peer_state_wrong"
                                                                     : "metadata.state_undecided";
  Log(LogLevel::kError, event,
      {{"node", node_id_},
       {"group", parts_.id},
       {"index", verdict.index},
       {"hash", absl::StrCat(absl::Hex(verdict.own_hash))},
       {"peer", verdict.peer},
       {"peer_hash", absl::StrCat(absl::Hex(verdict.other_hash))}});
  CountDifference(node_id_, parts_.id);
  if (!self) return;
  odd_.store(true, std::memory_order_release);
  leading_.store(false, std::memory_order_release);
  MutexLock lock(mu_);
  why_odd_ = absl::StrCat("at entry ", verdict.index, " of group ", parts_.id,
                          " its state differed from that of a majority of the replicas");
}

void Group::Execute(std::unique_ptr<pb::SegmentRequest> request, size_t bytes,
                    SegmentCallback done) {
  if (!leading_.load(std::memory_order_acquire)) return done(NotLeader());
  if (IsLeaderMemoryCall(*request)) return AnswerFromMemory(std::move(request), std::move(done));
  auto observed = [this, client = ClientOfSession(request->slot().session_id()),
                   kinds = KindsOf(*request), start_ns = parts_.clock->MonotonicNs(),
                   done = std::move(done)](Response response) mutable {
    ObserveSegment(kinds, parts_.clock->MonotonicNs() - start_ns);
    if (response.ok()) NoteClients(client, **response);
    done(std::move(response));
  };
  if (SegmentMutates(*request)) {
    Mutate(std::move(request), bytes, std::move(observed));
  } else {
    Read(std::move(request), std::move(observed));
  }
}

void Group::Mutate(std::unique_ptr<pb::SegmentRequest> request, size_t bytes,
                   SegmentCallback done) {
  std::string key;
  if (planted_bug_ == PlantedBug::kDuplicateNotJoined && request->has_slot() &&
      joined_.InFlight(JoinedRequests::KeyOf(*request))) {
    request->clear_slot();
  }
  if (request->has_slot()) {
    key = JoinedRequests::KeyOf(*request);
    const JoinedRequests::Outcome outcome = joined_.Join(key, *request, done);
    if (outcome == JoinedRequests::Outcome::kJoined) return CountJoined();
    if (outcome == JoinedRequests::Outcome::kOther) key.clear();
  }
  auto answer = [this, key = std::move(key), done = std::move(done)](Response response) mutable {
    if (!response.ok()) response = Meaning(response.status());
    if (key.empty()) return done(std::move(response));
    std::vector<SegmentCallback> copies = joined_.Take(key);
    for (size_t i = 1; i < copies.size(); ++i) {
      if (response.ok()) {
        copies[i](std::make_unique<pb::SegmentResponse>(**response));
      } else {
        copies[i](response.status());
      }
    }
    copies[0](std::move(response));
  };
  proposals_.Push(std::move(request), bytes, std::move(answer));
}

void Group::Read(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) {
  if (reads_in_flight_.fetch_add(1, std::memory_order_relaxed) >= kMaxReadsInFlight) {
    reads_in_flight_.fetch_sub(1, std::memory_order_relaxed);
    CountRefused("reads");
    return done(absl::UnavailableError("too many reads are waiting"));
  }
  auto counted = [this, done = std::move(done)](Response response) mutable {
    reads_in_flight_.fetch_sub(1, std::memory_order_relaxed);
    done(std::move(response));
  };
  if (planted_bug_ == PlantedBug::kReadWithoutBarrier) {
    return counted(ReadFrom(machine_.Snapshot(), *request));
  }
  if (parts_.node->MayReadAtOnce(parts_.id)) {
    if (auto response = ReadFromMemory(*request)) return counted(std::move(response));
  }
  parts_.node->ReadBarrier(parts_.id, [this, request = std::move(request),
                                       done = std::move(counted)](absl::Status reached) mutable {
    if (!reached.ok()) return done(Meaning(reached));
    ready_reads_->Add({std::move(request), std::move(done)});
  });
}

std::unique_ptr<pb::SegmentResponse> Group::TryRead(const pb::SegmentRequest& request) {
  if (!leading_.load(std::memory_order_acquire) || !parts_.node->MayReadAtOnce(parts_.id) ||
      !CheckRequest(request, 0).ok()) {
    return nullptr;
  }
  const int64_t start_ns = parts_.clock->MonotonicNs();
  std::unique_ptr<pb::SegmentResponse> response = ReadFromMemory(request);
  if (response == nullptr) return nullptr;
  ObserveSegment(KindsOf(request), parts_.clock->MonotonicNs() - start_ns);
  NoteClients(ClientOfSession(request.slot().session_id()), *response);
  return response;
}

std::unique_ptr<pb::SegmentResponse> Group::ReadFromMemory(const pb::SegmentRequest& request) {
  if (!IsSmallRead(request)) return nullptr;
  try {
    return ReadFrom(machine_.MemoryView(), request);
  } catch (const NotInMemory&) {
    return nullptr;
  }
}

std::unique_ptr<pb::SegmentResponse> Group::ReadAnyhow(const pb::SegmentRequest& request) {
  auto response = ReadFromMemory(request);
  return response != nullptr ? std::move(response) : ReadFrom(machine_.Snapshot(), request);
}

std::unique_ptr<pb::SegmentResponse> Group::ReadFrom(std::unique_ptr<KvSnapshot> view,
                                                     const pb::SegmentRequest& request) {
  Transaction txn(std::move(view));
  absl::flat_hash_set<uint64_t> lapsed;
  if (AsksForLocks(request)) {
    const std::vector<uint64_t> clients = leases_.Lapsed(NowMs());
    lapsed.insert(clients.begin(), clients.end());
  }
  ApplyEnvironment environment;
  environment.wall_time_ns = parts_.clock->WallNs();
  environment.group = parts_.id;
  environment.lapsed_clients = &lapsed;
  auto response = std::make_unique<pb::SegmentResponse>();
  ReadSegment(txn, environment, request, response.get());
  return response;
}

void Group::Submit(SegmentCallback done, absl::AnyInvocable<void(SegmentCallback)> job) {
  WorkerPool::Job wrapped = [done = std::move(done), job = std::move(job)](bool run) mutable {
    if (run) return job(std::move(done));
    CountRefused("workers");
    done(absl::UnavailableError("too many reads are waiting"));
  };
  if (!parts_.workers->Submit(wrapped)) wrapped(false);
}

void Group::AnswerFromMemory(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) {
  const pb::Operation& operation = request->operations(0);
  if (operation.has_renew_leases()) {
    const int64_t now_ms = NowMs();
    for (uint64_t client : operation.renew_leases().client_ids()) leases_.Renew(client, now_ms);
    return done(OneResult(pb::FS_OK));
  }
  if (parts_.id != kSystemGroup) return done(OneResult(pb::FS_NOTSUPP));
  Submit(std::move(done), [this, request = std::move(request)](SegmentCallback done) {
    done(OneResult(OnHeartbeat(request->operations(0).data_node_heartbeat())));
  });
}

// What is wrong with the sender is for it to act on: FS_NOENT and FS_NOT_SAME (other store, other
// address) mean "register", FS_STALE that it was removed for good.
pb::FsError Group::OnHeartbeat(const pb::DataNodeHeartbeat& heartbeat) {
  const Transaction txn(machine_.Snapshot());
  const std::optional<pb::DataNode> node = FindNode(txn, heartbeat.node_id());
  if (!node.has_value()) return pb::FS_NOENT;
  if (node->store_id() != heartbeat.store_id() || node->address() != heartbeat.address()) {
    return pb::FS_NOT_SAME;
  }
  if (node->status() == pb::NODE_GONE) return pb::FS_STALE;
  if (heartbeat.failing()) {
    monitor_.HeardFailing(heartbeat.node_id(), NowMs());
  } else {
    monitor_.Heard(heartbeat.node_id(), NowMs());
  }
  return pb::FS_OK;
}

// The others elect a leader without this replica if it led, and give it their state anew.
void Group::StopIfOdd() {
  if (stopped_.load() || !odd_.load(std::memory_order_acquire)) return;
  stopped_.store(true);
  std::string why;
  {
    MutexLock lock(mu_);
    why = why_odd_;
  }
  const absl::Status marked = CondemnStore(parts_.store, why);
  Log(LogLevel::kError, "metadata.store_condemned",
      {{"store", parts_.store}, {"why", why}, {"marked", marked.ok()}});
  parts_.node->Rebuild(parts_.id, absl::DataLossError(why));
}

// What was wrong is gone.
absl::Status Group::OnCleared() {
  if (absl::Status status = PardonStore(parts_.store); !status.ok()) return status;
  odd_.store(false, std::memory_order_release);
  stopped_.store(false);
  return absl::OkStatus();
}

// Over states decide those who are voters by what is committed: a change under way may be rolled
// back, and until it is through the ones before it are as good.
void Group::NoteVoters() {
  const replication::GroupStatus status = parts_.node->Status(parts_.id);
  const replication::raft::Configuration& members = status.configuration;
  const bool settled = status.configuration_committed && !members.joint();
  if (settled && !members.voters.empty()) machine_.comparison().SetVoters(members.voters);
}

// Tells the others what this replica's state came to; an idle group has nothing new to tell.
void Group::CompareStates() {
  StopIfOdd();
  NoteVoters();
  SetAgreedIndex(node_id_, parts_.id, machine_.comparison().AgreedIndex());
  const std::vector<replication::StateDigest> latest = machine_.comparison().Latest();
  if (stopped_ || latest.empty()) return;
  if (latest.front().index != told_index_ || NowMs() - told_ms_ >= kTellAgainMs) {
    tellings_left_ = kTellings;
  }
  if (tellings_left_ == 0) return;
  --tellings_left_;
  told_index_ = latest.front().index;
  told_ms_ = NowMs();
  parts_.node->SendDigests(parts_.id, latest);
}

void Group::Tend() {
  CompareStates();
  const bool leading = leading_.load(std::memory_order_acquire);
  const size_t lapsed = leading ? leases_.Lapsed(NowMs()).size() : 0;
  SetDepths(node_id_, parts_.id,
            {.mutations = proposals_.queued(),
             .mutation_bytes = proposals_.queued_bytes(),
             .reads = reads_in_flight_.load(std::memory_order_relaxed),
             .clients = leading ? leases_.size() : 0,
             .lapsed = lapsed,
             .leading = leading});
  if (!leading) return machine_.ForgetReadRows();
  for (uint64_t client : leases_.Overdue(NowMs(), kExpiriesPerRound)) {
    Log(LogLevel::kInfo, "metadata.expire_client", {{"client", client}});
    pb::Operation operation;
    operation.mutable_expire_client()->set_client_id(client);
    Tend(operation);
  }
  if (parts_.id != kSystemGroup) return;
  const Transaction txn(machine_.Snapshot());
  for (const pb::SetNodeStatus& change : monitor_.Judge(AllNodes(txn), NowMs())) {
    Log(LogLevel::kWarning, "metadata.data_node_status",
        {{"node", change.node_id()}, {"status", pb::NodeStatus_Name(change.status())}});
    pb::Operation operation;
    *operation.mutable_set_node_status() = change;
    Tend(operation);
  }
}

void Group::Tend(const pb::Operation& operation) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(parts_.id);
  *request->add_operations() = operation;
  const size_t bytes = request->ByteSizeLong();
  const uint64_t client = operation.expire_client().client_id();
  proposals_.Push(std::move(request), bytes, [this, client](Response response) {
    // What did not get through is found again in the next round.
    if (response.ok() && client != 0) leases_.Remove(client);
  });
}

void Group::NoteClients(uint64_t client, const pb::SegmentResponse& response) {
  const int64_t now_ms = NowMs();
  for (const pb::OperationResult& result : response.results()) {
    if (result.error() == pb::FS_BADSESSION) return;
    if (result.error() != pb::FS_OK) continue;
    if (result.has_exchange_id()) leases_.Grant(result.exchange_id().client_id(), now_ms);
    if (result.has_create_session()) {
      leases_.Renew(ClientOfSession(result.create_session().session_id()), now_ms);
    }
  }
  if (client != 0) leases_.Renew(client, now_ms);
}

absl::Status Group::NotLeader() const {
  const NodeId leader = parts_.node->Status(parts_.id).leader;
  // Itself, just elected, is no news to the caller; it will be ready in a moment.
  if (leader == 0 || leader == node_id_) return absl::FailedPreconditionError("");
  return absl::FailedPreconditionError(absl::StrCat(leader));
}

absl::Status Group::Meaning(const absl::Status& failure) const {
  if (failure.code() != absl::StatusCode::kUnavailable) return failure;
  const NodeId leader = parts_.node->Status(parts_.id).leader;
  return leader == node_id_ ? failure : NotLeader();
}

}  // namespace openefs::metadata
