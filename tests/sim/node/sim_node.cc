#include "tests/sim/node/sim_node.h"

#include <algorithm>
#include <utility>

namespace openefs::sim {
namespace {

// Then its sender gives a snapshot up.
constexpr int64_t kSnapshotPatience = 5 * kSecond;

}  // namespace

SimNode::SimNode(NodeId id, std::vector<NodeId> voters, const std::string& directory,
                 Environment* env, Find find)
    : clock(&env->scheduler),
      log(directory + "/" + std::to_string(id), id,
          static_cast<uint64_t>(env->options.segment_bytes), &env->random, &env->counts),
      id_(id),
      voters_(std::move(voters)),
      env_(env),
      find_(std::move(find)) {
  for (const auto& [group, checkers] : env->checkers) stores.try_emplace(group);
}

SimNode::~SimNode() { ++incarnation_; }

Machine SimNode::MachineOf() {
  Machine machine;
  machine.id = id_;
  machine.voters = voters_;
  machine.options = &env_->options;
  machine.random = &env_->random;
  machine.counts = &env_->counts;
  machine.checkers = &env_->checkers;
  machine.clock = &clock;
  machine.log = &log;
  machine.stores = &stores;
  machine.slowness = &disk_slowness;
  machine.post = [this](int64_t delay_ns, Process::Task task) { Post(delay_ns, std::move(task)); };
  machine.write_begun = [this](int64_t duration_ns) {
    if (!in_next_write_) return;
    env_->scheduler.After(duration_ns / 2, std::exchange(in_next_write_, nullptr));
  };
  machine.send_snapshot = [this](NodeId to, SnapshotParcelPtr parcel,
                                 std::function<void(bool)> done) {
    SendSnapshot(to, std::move(parcel), std::move(done));
  };
  machine.stops_at = [this](replication::SnapshotStep step) { return StopsAt(step); };
  machine.deliver = [this](NodeId to, const pb::RaftMessageBatch& batch) { SendBatch(to, batch); };
  return machine;
}

void SimNode::Start(bool crash_in_it) {
  if (up() || refused_ || retired_) return;
  ++incarnation_;
  process_ = std::make_unique<Process>(MachineOf());
  const absl::Status status = process_->Start(crash_in_it);
  if (status.ok()) return env_->counts.Add("starts");
  End();
  if (log.stopped()) return env_->counts.Add("crashes in a start");
  // A disk that is full or fails to sync now may be good later; a damaged log stays damaged.
  refused_ = !log.full && !log.fail_syncs;
  env_->counts.Add(refused_ ? "starts refused" : "starts that a disk's fault prevents");
  if (refused_ && !rotten) throw Violation("a sound node does not start: " + status.ToString());
}

void SimNode::Crash() {
  if (!up()) return;
  env_->counts.Add("crashes");
  if (leads_any()) env_->counts.Add("crashes of a leader");
  paused_until_ns_ = 0;
  in_next_write_ = nullptr;
  process_->LosePower();
  End();
}

void SimNode::Retire() {
  Crash();
  retired_ = true;
  env_->counts.Add("removed replicas taken away");
}

bool SimNode::leads_any() const {
  return std::any_of(stores.begin(), stores.end(),
                     [this](const auto& store) { return leads(store.first); });
}

// What the process says or asks for while it goes is heard by nobody.
void SimNode::End() {
  ++incarnation_;
  process_.reset();
  ++incarnation_;
}

void SimNode::PauseFor(int64_t ns) {
  if (!up()) return;
  env_->counts.Add("pauses");
  if (leads_any()) env_->counts.Add("pauses of a leader");
  paused_until_ns_ = std::max(paused_until_ns_, env_->scheduler.now_ns() + ns);
}

void SimNode::Post(int64_t delay_ns, Process::Task task) {
  env_->scheduler.After(delay_ns,
                        [this, incarnation = incarnation_, task = std::move(task)]() mutable {
                          Run(incarnation, std::move(task));
                        });
}

void SimNode::Run(uint64_t incarnation, Process::Task task) {
  if (incarnation != incarnation_) return;
  if (!paused()) return task();
  env_->scheduler.At(paused_until_ns_, [this, incarnation, task = std::move(task)]() mutable {
    Run(incarnation, std::move(task));
  });
}

void SimNode::SendBatch(NodeId to, const pb::RaftMessageBatch& batch) {
  auto shared = std::make_shared<const pb::RaftMessageBatch>(batch);
  env_->network.Send(Network::Kind::kRaft, id_, to, [this, to, shared = std::move(shared)] {
    if (SimNode* node = find_(to)) node->Receive(*shared);
  });
}

// One answer at most, and one in the end.
void SimNode::SendSnapshot(NodeId to, SnapshotParcelPtr parcel, std::function<void(bool)> done) {
  env_->counts.Add("snapshots sent");
  auto once = [this, incarnation = incarnation_, answered = std::make_shared<bool>(false),
               done](bool sent) {
    if (incarnation != incarnation_ || std::exchange(*answered, true)) return;
    Post(0, [done, sent] { done(sent); });
  };
  env_->scheduler.After(kSnapshotPatience, [once] { once(false); });
  const int64_t duration_ns = env_->random.Exponential(env_->options.snapshot_ms * kMs);
  env_->scheduler.After(duration_ns, [this, to, parcel, once] {
    env_->network.Send(Network::Kind::kCall, id_, to, [this, to, parcel, once] {
      SimNode* node = find_(to);
      if (node == nullptr || !node->up()) return;
      node->Post(0, [this, node, to, parcel, once] {
        const bool taken = node->process_->ReceiveSnapshot(*parcel);
        env_->network.Send(Network::Kind::kCall, to, id_, [once, taken] { once(taken); });
      });
    });
  });
}

bool SimNode::StopsAt(replication::SnapshotStep) {
  if (!env_->faulty || !env_->random.Chance(env_->options.crashes_in_install)) return false;
  env_->counts.Add("crashes in a snapshot's step");
  env_->scheduler.After(0, crash_for_a_while);
  return true;
}

void SimNode::Receive(pb::RaftMessageBatch batch) {
  if (!up()) return;
  Post(0, [this, batch = std::move(batch)]() mutable { process_->Receive(std::move(batch)); });
}

bool SimNode::Execute(std::unique_ptr<pb::SegmentRequest> request, metadata::SegmentCallback done) {
  if (!up()) return false;
  auto answer = [this, incarnation = incarnation_, done = std::move(done)](
                    absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> response) mutable {
    if (incarnation == incarnation_) done(std::move(response));
  };
  Post(0, [this, request = std::move(request), answer = std::move(answer)]() mutable {
    process_->Execute(std::move(request), std::move(answer));
  });
  return true;
}

void SimNode::ChangeMembers(GroupId group, replication::MemberChange change, Asked done) {
  if (!up()) return;
  Post(0, [this, group, change = std::move(change), done = std::move(done)]() mutable {
    process_->ChangeMembers(group, std::move(change),
                            [this, incarnation = incarnation_, done](const absl::Status& status) {
                              if (incarnation == incarnation_) done(status);
                            });
  });
}

void SimNode::TransferLeadership(GroupId group, NodeId to, Asked done) {
  if (!up()) return;
  Post(0, [this, group, to, done = std::move(done)] {
    process_->TransferLeadership(
        group, to, [this, incarnation = incarnation_, done](const absl::Status& status) {
          if (incarnation == incarnation_) done(status);
        });
  });
}

}  // namespace openefs::sim
