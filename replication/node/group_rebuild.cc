#include "replication/node/group_rebuild.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "replication/node/snapshot_files.h"

namespace openefs::replication {
namespace {

constexpr int64_t kMaxAskMs = 5'000;
// A leader that is there answers within two requests; an election takes a second.
constexpr int64_t kComplainAfterMs = 5'000;
constexpr int64_t kComplainAgainMs = 30'000;

// When the next rebuild may begin, by the wall clock; 0: at once.
int64_t NotBefore(const pb::GroupRebuild& mark) {
  if (mark.begun_ms_size() <= kMaxRebuilds) return 0;
  return mark.begun_ms(0) + kRebuildWindowMs;
}

// The term of the leader's word is the last one in which this replica may have voted in the life it
// has forgotten and which could still matter: it votes in later ones only.
raft::HardState HardStateAfter(const GroupResetJob& job) {
  raft::HardState state = job.hard_state;
  state.commit = 0;
  if (state.term > job.mark.term()) return state;
  const bool voted = state.term == job.mark.term() && state.voted_for != 0;
  if (!voted) state.voted_for = job.mark.leader();
  state.term = job.mark.term();
  return state;
}

}  // namespace

pb::GroupRebuild MarkToRebuild(const pb::GroupRebuild* before, GroupId group, std::string why,
                               int64_t wall_ms) {
  if (before != nullptr && before->step() == pb::GroupRebuild::ASKS) return *before;
  pb::GroupRebuild mark;
  mark.set_group(group);
  mark.set_step(pb::GroupRebuild::ASKS);
  mark.set_life(before == nullptr ? 1 : before->life() + 1);
  mark.set_why(std::move(why));
  if (before != nullptr) {
    const int first = std::max(0, before->begun_ms_size() - kMaxRebuilds);
    for (int i = first; i < before->begun_ms_size(); ++i) mark.add_begun_ms(before->begun_ms(i));
  }
  mark.add_begun_ms(wall_ms);
  return mark;
}

std::optional<pb::GroupRebuild> Granted(const pb::GroupRebuild& mark, NodeId self,
                                        const pb::RaftMessage& reply) {
  const bool answers = mark.step() == pb::GroupRebuild::ASKS && reply.group() == mark.group() &&
                       reply.life() == mark.life() && !reply.reject() && reply.term() != 0;
  if (!answers) return std::nullopt;
  const auto configuration = raft::DecodeConfiguration(reply.configuration().SerializeAsString());
  if (!configuration.has_value() || configuration->IsVoter(self)) return std::nullopt;
  if (!configuration->Contains(self)) return std::nullopt;
  pb::GroupRebuild granted = mark;
  granted.set_step(pb::GroupRebuild::RESETS);
  granted.set_term(reply.term());
  granted.set_leader(reply.from());
  *granted.mutable_configuration() = reply.configuration();
  return granted;
}

absl::Status CarryReset(const GroupResetJob& job,
                        const std::function<absl::Status(GroupWrite)>& write) {
  const auto reached = [&job](RebuildStep step) {
    return job.fault ? job.fault(step) : absl::OkStatus();
  };
  const GroupId group = job.mark.group();
  const auto configuration =
      raft::DecodeConfiguration(job.mark.configuration().SerializeAsString());
  if (!configuration.has_value()) return absl::DataLossError("the mark to rebuild is damaged");
  // A snapshot that was about to be installed goes with the rest.
  if (auto status = FinishInstall(SnapshotPaths(job.log_directory, group)); !status.ok()) {
    return status;
  }
  if (auto status = reached(RebuildStep::kIntentGone); !status.ok()) return status;
  if (auto status = job.machine->Clear(); !status.ok()) return status;
  if (auto status = reached(RebuildStep::kCleared); !status.ok()) return status;
  GroupWrite reset;
  reset.group = group;
  reset.reset = raft::SnapshotMeta{0, 0, *configuration};
  reset.hard_state = HardStateAfter(job);
  if (auto status = write(std::move(reset)); !status.ok()) return status;
  return reached(RebuildStep::kLogReset);
}

std::optional<pb::RaftMessage> GroupRebuild::Request(NodeId self, int64_t now_ms, int64_t wall_ms) {
  if (!asks() || now_ms < next_ms_) return std::nullopt;
  next_ms_ = now_ms + ask_ms_;
  const int64_t wait_ms = NotBefore(mark_) - wall_ms;
  // A clock that was set back must not make it wait for ever.
  if (wait_ms > 0 && wait_ms <= kRebuildWindowMs) {
    waits_for_ = absl::StrCat("it was rebuilt ", kMaxRebuilds,
                              " times within an hour: is the disk good? It is tried again later; "
                              "openefs cluster replace-replica ends it");
    Complain(now_ms);
    return std::nullopt;
  }
  ask_ms_ = std::min(2 * ask_ms_, kMaxAskMs);
  if (next_complaint_ms_ == 0) next_complaint_ms_ = now_ms + kComplainAfterMs;
  if (waits_for_.empty()) waits_for_ = "no leader of the group has answered yet";
  Complain(now_ms);
  pb::RaftMessage request;
  request.set_type(pb::RaftMessage::REBUILD);
  request.set_group(mark_.group());
  request.set_from(self);
  request.set_life(mark_.life());
  return request;
}

void GroupRebuild::OnRefused(NodeId from, const std::string& why, int64_t now_ms) {
  refusals_[from] = why;
  waits_for_.clear();
  for (const auto& [node, text] : refusals_) {
    absl::StrAppend(&waits_for_, waits_for_.empty() ? "" : "; ", text);
  }
  Complain(now_ms);
}

void GroupRebuild::OnResetFailed(const absl::Status& why, int64_t now_ms) {
  reset_failed_ = true;
  next_ms_ = now_ms + kMaxAskMs;
  waits_for_ = std::string(why.message());
  next_complaint_ms_ = now_ms;
  Complain(now_ms);
}

void GroupRebuild::Complain(int64_t now_ms) {
  if (now_ms < next_complaint_ms_) return;
  next_complaint_ms_ = now_ms + kComplainAgainMs;
  Log(LogLevel::kError, "raft.rebuild_waits",
      {{"group", mark_.group()}, {"why", mark_.why()}, {"waits_for", waits_for_}});
  refusals_.clear();
}

std::string GroupRebuild::Describe() const {
  const std::string text = absl::StrCat("is rebuilt from the others: ", mark_.why());
  return waits_for_.empty() || running() ? text : absl::StrCat(text, "; waits: ", waits_for_);
}

void GroupRebuild::Run(std::function<void()> reset) {
  Join();
  reset_failed_ = false;
  waits_for_.clear();
  thread_ = std::thread(std::move(reset));
}

void GroupRebuild::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace openefs::replication
