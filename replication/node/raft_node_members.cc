// Changes of a group's members and of its leadership, and what this node keeps of who is a member.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "replication/node/raft_node.h"

namespace openefs::replication {

void RaftNode::ChangeMembers(GroupId group, MemberChange change, MemberCallback done) {
  MemberRequest request{group, std::move(change), false, 0, std::move(done)};
  if (inbox_->AddMembers(std::move(request))) return;
  request.done(absl::UnavailableError("this node has stopped"));
}

void RaftNode::TransferLeadership(GroupId group, NodeId to, MemberCallback done) {
  MemberRequest request{group, {}, true, to, std::move(done)};
  if (inbox_->AddMembers(std::move(request))) return;
  request.done(absl::UnavailableError("this node has stopped"));
}

void RaftNode::HandOver(int64_t timeout_ms) {
  struct Waiting {
    Mutex mu;
    CondVar done;
    size_t left ABSL_GUARDED_BY(mu) = 0;
  };
  const auto waiting = std::make_shared<Waiting>();
  const int64_t end_ms = clock_->MonotonicMs() + timeout_ms;
  for (const auto& [group, machine] : machines_) {
    if (!Status(group).is_leader) continue;
    {
      MutexLock lock(waiting->mu);
      ++waiting->left;
    }
    TransferLeadership(group, 0, [waiting](const absl::Status&) {
      MutexLock lock(waiting->mu);
      if (--waiting->left == 0) waiting->done.SignalAll();
    });
  }
  MutexLock lock(waiting->mu);
  while (waiting->left > 0) {
    const int64_t left_ms = end_ms - clock_->MonotonicMs();
    if (left_ms <= 0) return;
    waiting->done.WaitForMs(waiting->mu, left_ms);
  }
}

void RaftNode::DispatchMembers(LoopInput& in) {
  for (MemberRequest& request : in.members) {
    Group* group = Touch(request.group);
    absl::Status status = group == nullptr ? absl::UnavailableError("no such group here")
                                           : CheckChange(*group, request.change);
    if (status.ok()) {
      group->Add(std::move(request));
    } else {
      request.done(std::move(status));
    }
  }
}

// What the core cannot see: who is alive, and whose id was used before.
absl::Status RaftNode::CheckChange(const Group& group, const MemberChange& change) const {
  if (!group.core().leads()) return absl::OkStatus();  // the group says who does
  const NodeId added = change.add.node_id();
  const pb::ReplicaMember* known = peers_->identity().Find(added);
  if (added != 0 && (added == options_.node_id || known != nullptr)) {
    if (added == options_.node_id || known->removed() ||
        known->incarnation() != change.add.incarnation()) {
      return absl::InvalidArgumentError(
          absl::StrCat("node id ", added, " was used before; every replica needs a new one"));
    }
  }
  if (change.remove == 0) return absl::OkStatus();
  size_t left = 0;
  for (const NodeId voter : group.core().configuration().voters) {
    if (voter == change.remove) continue;
    ++left;
  }
  const size_t alive = CountSound(group, change.remove);
  if (alive * 2 > left || left == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("without node ", change.remove, " only ", alive,
                                             " of ", left, " voters would be up"));
}

// Peers are on record as soon as a configuration that names them is in effect: the configuration
// may need their votes. They are taken for removed only when no group has them any more, for sure.
void RaftNode::NoteConfigurations(std::vector<ConfigurationChange> changes) {
  std::vector<pb::ReplicaMember> records;
  for (const ConfigurationChange& change : changes) {
    for (pb::ReplicaMember& member : MembersIn(change.news.configuration)) {
      records.push_back(std::move(member));
    }
  }
  std::set<NodeId> in_use;
  bool settled = rebuilds_.empty();  // who belongs to those is not known here
  for (const auto& [id, group] : groups_) {
    const raft::Raft& core = group->core();
    settled = settled && core.configuration_committed() && !core.configuration().joint();
    for (const NodeId node : core.configuration().Members()) in_use.insert(node);
  }
  std::set<NodeId> gone;
  for (auto& [id, group] : groups_) {
    if (!settled) break;
    for (const NodeId node : committed_members_[id]) {
      if (!in_use.contains(node)) gone.insert(node);
    }
    committed_members_[id] = group->core().configuration().Members();
  }
  for (const NodeId node : gone) {
    const pb::ReplicaMember* known = peers_->identity().Find(node);
    if (known == nullptr) continue;
    records.push_back(*known);
    records.back().set_removed(true);
    Log(LogLevel::kInfo, "raft.member_removed", {{"node", options_.node_id}, {"member", node}});
  }
  if (records.empty()) return;
  if (const absl::Status status = peers_->Record(records); !status.ok()) GiveUp(status);
}

}  // namespace openefs::replication
