// GroupRebuild: a group of this node whose log or state is not to be trusted any more, from the
// mark to the new learner. docs/decisions/0011-rebuilding-a-replica.md says why this is safe.
//
//   ASKS    the replica votes, acknowledges and serves nothing. It asks everybody; the leader makes
//           it a learner in its next life (Membership::Demote) and, once that is committed, says so
//   RESETS  so a quorum of the others has all there is, and nobody is elected without them: state
//           machine and log are emptied, the term is that of the leader's word
//   DONE    a new learner, which the leader brings up and makes a voter as any other
//
// The mark stands in IDENTITY, each step of it durable before what it permits; a start goes on
// where the last run stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/ids.h"
#include "proto/raft.pb.h"
#include "replication/log/log_store.h"
#include "replication/node/state_machine.h"

namespace openefs::replication {

// Where tests stop a rebuild as a crash would: an error it returns ends it there.
enum class RebuildStep { kMarked, kGranted, kIntentGone, kCleared, kLogReset, kDone };
using RebuildFaultHook = std::function<absl::Status(RebuildStep)>;

// A disk that damages a log so often does it again: the next one begins when the first of these is
// so old.
inline constexpr int kMaxRebuilds = 3;
inline constexpr int64_t kRebuildWindowMs = 3'600'000;

// The mark of a rebuild that begins; `before` (may be null) as it is if that one still asks.
pb::GroupRebuild MarkToRebuild(const pb::GroupRebuild* before, GroupId group, std::string why,
                               int64_t wall_ms);

// What the leader's reply makes of a mark that asks. Nothing: it is not the answer to this one's
// request, or does not make `self` a learner.
std::optional<pb::GroupRebuild> Granted(const pb::GroupRebuild& mark, NodeId self,
                                        const pb::RaftMessage& reply);

// Emptying one group on this node's disk, once that was granted.
struct GroupResetJob {
  pb::GroupRebuild mark;
  raft::HardState hard_state;  // what the log has
  std::string log_directory;
  StateMachine* machine = nullptr;  // nobody else calls it meanwhile
  RebuildFaultHook fault;
};
// Each step is idempotent; `write` makes a write of the log durable.
absl::Status CarryReset(const GroupResetJob& job,
                        const std::function<absl::Status(GroupWrite)>& write);

// In a turn of the loop only.
class GroupRebuild {
 public:
  // Requests are repeated after ask_ms, later up to every 5 s.
  GroupRebuild(pb::GroupRebuild mark, int64_t ask_ms) : mark_(std::move(mark)), ask_ms_(ask_ms) {}
  ~GroupRebuild() { Join(); }
  GroupRebuild(const GroupRebuild&) = delete;
  GroupRebuild& operator=(const GroupRebuild&) = delete;

  const pb::GroupRebuild& mark() const { return mark_; }
  bool asks() const { return mark_.step() == pb::GroupRebuild::ASKS; }

  // The request to every other member, if it is time for one.
  std::optional<pb::RaftMessage> Request(NodeId self, int64_t now_ms, int64_t wall_ms);
  void OnRefused(NodeId from, const std::string& why, int64_t now_ms);
  void OnGranted(pb::GroupRebuild mark) { mark_ = std::move(mark); }

  // On a thread of its own, one at a time.
  void Run(std::function<void()> reset);
  bool running() const { return thread_.joinable(); }
  void Join();
  // Whether a reset that failed may be tried again.
  bool DueToReset(int64_t now_ms) const { return reset_failed_ && now_ms >= next_ms_; }
  void OnResetFailed(const absl::Status& why, int64_t now_ms);

  // One line for people: why, and what it waits for.
  std::string Describe() const;

 private:
  void Complain(int64_t now_ms);

  pb::GroupRebuild mark_;
  int64_t ask_ms_;
  int64_t next_ms_ = 0;
  int64_t next_complaint_ms_ = 0;
  bool reset_failed_ = false;
  std::string waits_for_;
  std::map<NodeId, std::string> refusals_;  // since the last complaint
  std::thread thread_;
};

}  // namespace openefs::replication
