// Membership: changes of one group's members and of its leader, from request to outcome. Stands
// between those who ask (operators, a node that shuts down) and the pure core, which takes one
// change at a time. In a turn of the loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "proto/raft.pb.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

// One of the two, or, for a replacement, `add` with add.replaces.
struct MemberChange {
  pb::ReplicaMember add;  // becomes a learner, and by itself a voter when it has caught up
  NodeId remove = 0;      // 0: nobody
};

// FAILED_PRECONDITION: this replica does not lead; the message is the leader's node id, or empty.
// INVALID_ARGUMENT: it makes no sense, ever. UNAVAILABLE: not now, nothing has changed. UNKNOWN:
// leadership went before the outcome was known; asking again finds out.
using MemberCallback = absl::AnyInvocable<void(absl::Status)>;

class Membership {
 public:
  // `done` when the change is committed (of an addition: that it is a learner). Asking for what is
  // so already is OK.
  void Change(MemberChange change, MemberCallback done);
  // `to` 0: the voter that has most. `done` when this replica leads no more.
  void Transfer(NodeId to, MemberCallback done);

  // A member's replica is to be rebuilt (group_rebuild.h); `member.life` counts how often. True: it
  // is a learner in that life, committed. Otherwise that is begun if it can be, and asking again
  // finds out: nothing is remembered here, so that a new leader goes on where the last one stopped.
  static absl::StatusOr<bool> Demote(raft::Raft& core, const pb::ReplicaMember& member);

  // Once per turn of the loop in which something happened: asks the core for what can be done now
  // and answers what is done.
  void Advance(raft::Raft& core);
  // Once per tick: learners that have caught up become voters, requests that wait too long end.
  void Tick(raft::Raft& core);
  // The replica stops.
  void Drop(const absl::Status& why);

  bool idle() const { return changes_.empty() && !transfer_.has_value(); }

 private:
  struct ChangeRequest {
    MemberChange change;
    MemberCallback done;
    bool proposed = false;
    int ticks = 0;
  };
  struct TransferRequest {
    NodeId to = 0;
    MemberCallback done;
    bool started = false;
    int ticks = 0;
  };

  bool AdvanceChange(raft::Raft& core, ChangeRequest& request);
  bool AdvanceTransfer(raft::Raft& core, TransferRequest& request);

  std::deque<ChangeRequest> changes_;  // one at a time, in order
  std::optional<TransferRequest> transfer_;
};

// The configuration that `change` asks for: nothing if `now` is that already. INVALID_ARGUMENT: it
// makes no sense.
absl::StatusOr<std::optional<raft::Configuration>> TargetOf(const raft::Configuration& now,
                                                            const MemberChange& change);

// The configuration in which a learner of `now` that has caught up, as `caught_up` says, is a voter
// in place of whom it replaces. Nothing: none has.
std::optional<raft::Configuration> Promoted(const raft::Configuration& now,
                                            const std::function<bool(NodeId)>& caught_up);

// The configuration in which `member`, which belongs to `now`, is a learner in the life it names.
// Nothing: `now` is that already, or names a later life. INVALID_ARGUMENT: it is no member.
// FAILED_PRECONDITION: it is the only voter.
absl::StatusOr<std::optional<raft::Configuration>> Demoted(const raft::Configuration& now,
                                                           const pb::ReplicaMember& member);

// In which life the configuration knows its members; those it does not name are in their first, 0.
std::map<NodeId, uint64_t> LivesIn(const raft::Configuration& configuration);

// What the configuration says of its members.
std::vector<pb::ReplicaMember> MembersIn(const raft::Configuration& configuration);

}  // namespace openefs::replication
