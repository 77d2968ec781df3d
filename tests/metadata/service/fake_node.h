// A replica node of one group that commits at once, or when told to: for tests of what stands above
// replication, with a clock that only they move.
#pragma once

#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "replication/node/replica_node.h"

namespace openefs::metadata::testing {

// One thread.
class FakeNode final : public replication::ReplicaNode {
 public:
  void AddGroup(GroupId, replication::StateMachine* machine) override { machine_ = machine; }
  absl::Status Start() override { return absl::OkStatus(); }
  void Stop() override {}

  void Lead() {
    leader = 1;
    machine_->OnLeader(++term_);
  }
  void Follow(NodeId other) {
    leader = other;
    machine_->OnFollower();
  }

  void Propose(GroupId, std::string data,
               std::shared_ptr<replication::ProposalContext> context) override {
    pending_.emplace_back(std::move(data), std::move(context));
    ++proposals;
    if (commit_at_once) Commit();
  }

  // Everything proposed so far.
  void Commit() {
    while (!pending_.empty()) {
      auto [data, context] = std::move(pending_.front());
      pending_.pop_front();
      const replication::CommittedEntry entry{++index_, term_, data, context};
      if (!machine_->Apply({&entry, 1}).ok()) std::abort();
      if (context != nullptr) context->OnApplied();
    }
  }
  // Its proposers hear that the outcome is open; what is in the log stays there and may be
  // committed in a later term.
  void LoseLeadership() {
    Follow(0);
    for (auto& [data, context] : pending_) {
      if (context != nullptr)
        std::exchange(context, nullptr)->OnDropped(absl::UnknownError("lost"));
    }
  }
  void Drop(const absl::Status& why) {
    while (!pending_.empty()) {
      auto context = std::move(pending_.front().second);
      pending_.pop_front();
      context->OnDropped(why);
    }
  }

  void ReadBarrier(GroupId, absl::AnyInvocable<void(absl::Status)> done) override {
    if (!hold_barriers) return done(barrier);
    held_barriers.push_back(std::move(done));
  }
  void ReleaseBarriers() {
    for (auto& done : std::exchange(held_barriers, {})) done(barrier);
  }
  bool MayReadAtOnce(GroupId) const override { return lease; }
  void SendDigests(GroupId, const std::vector<replication::StateDigest>& sent) override {
    digests = sent;
  }
  void Fail(GroupId, absl::Status why) override { failure = std::move(why); }
  replication::GroupStatus Status(GroupId group) const override {
    return {.group = group,
            .leader = leader,
            .is_leader = leader == 1,
            .configuration = configuration,
            .configuration_committed = configuration_committed};
  }

  void ChangeMembers(GroupId, replication::MemberChange,
                     replication::MemberCallback done) override {
    done(absl::UnavailableError("one node has no members to change"));
  }
  void TransferLeadership(GroupId, NodeId, replication::MemberCallback done) override {
    done(absl::UnavailableError("one node has no successor"));
  }
  void HandOver(int64_t) override {}
  replication::NodeState State() const override { return {.formed = true}; }

  bool commit_at_once = true;
  bool hold_barriers = false;
  bool lease = false;
  std::deque<absl::AnyInvocable<void(absl::Status)>> held_barriers;
  absl::Status barrier;
  absl::Status failure;
  std::vector<replication::StateDigest> digests;  // sent last
  replication::raft::Configuration configuration;
  bool configuration_committed = true;
  NodeId leader = 0;
  int proposals = 0;

 private:
  replication::StateMachine* machine_ = nullptr;
  uint64_t term_ = 0;
  uint64_t index_ = 0;
  std::deque<std::pair<std::string, std::shared_ptr<replication::ProposalContext>>> pending_;
};

}  // namespace openefs::metadata::testing
