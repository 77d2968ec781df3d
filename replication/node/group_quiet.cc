// When a group goes quiet and what wakes it: quiet.h.
#include <algorithm>

#include "replication/node/group.h"

namespace openefs::replication {
namespace {

// A group that was busy a moment ago will be again; going quiet and waking costs a message each.
constexpr int kIdleTicks = 10;

}  // namespace

// Nothing that only time, or a message lost and sent again, would carry on.
bool Group::NothingOutstanding() const {
  const uint64_t last = core_.log().last_index();
  return proposals_.empty() && barriers_.empty() && pending_.empty() && rounds_.empty() &&
         held_.empty() && membership_.idle() && !core_.installing() && core_.transferee() == 0 &&
         core_.commit_index() == last && core_.log().stable_index() == last &&
         applier_.applied_index() == last && applier_.Idle();
}

void Group::MaybeGoQuiet(const std::function<bool(NodeId)>& alive) {
  const bool fit = core_.leads() && announced_term_ == core_.term() && NothingOutstanding() &&
                   core_.configuration_committed() && !core_.configuration().joint() &&
                   core_.configuration().learners.empty();
  idle_ticks_ = fit ? idle_ticks_ + 1 : 0;
  size_t with = 1;
  for (const auto& [node, progress] : core_.progress()) {
    if (!alive(node)) continue;  // wakes the group when it comes back
    if (progress.match() != core_.log().last_index()) {
      idle_ticks_ = 0;  // and then heartbeats tell it what is committed and may be cut
      return;
    }
    ++with;
  }
  if (idle_ticks_ < kIdleTicks || with * 2 <= core_.configuration().voters.size()) return;
  quiet_ = true;
  for (const auto& [node, progress] : core_.progress()) {
    if (alive(node)) to_say_.push_back(Say(pb::RaftMessage::QUIET, node));
  }
}

pb::RaftMessage Group::Say(pb::RaftMessage::Type type, NodeId to) const {
  pb::RaftMessage message;
  message.set_type(type);
  message.set_group(id_);
  message.set_from(core_.id());
  message.set_to(to);
  message.set_term(core_.term());
  message.set_log_index(core_.log().last_index());
  return message;
}

void Group::OnQuiet(const pb::RaftMessage& message) {
  if (failed_) return;
  const bool follows = core_.leader() == message.from() && core_.term() == message.term() &&
                       !core_.leads() && core_.log().last_index() == message.log_index();
  if (follows && NothingOutstanding()) {
    quiet_ = true;
    return;
  }
  // Not yet: the leader shall go on until this replica has it all.
  if (core_.term() <= message.term()) to_say_.push_back(Say(pb::RaftMessage::WAKE, message.from()));
}

// An answer to what the leader sent before it went quiet says nothing new.
bool Group::LetsSleep(const pb::RaftMessage& message) {
  const bool answer = message.type() == pb::RaftMessage::HEARTBEAT_REPLY ||
                      message.type() == pb::RaftMessage::APPEND_REPLY;
  return answer && !message.reject();
}

void Group::Wake() {
  idle_ticks_ = 0;
  if (!std::exchange(quiet_, false)) return;
  const NodeId leader = core_.leader();
  if (leader != 0 && leader != core_.id()) {
    to_say_.push_back(Say(pb::RaftMessage::WAKE, leader));
  }
}

void Group::WakeAfter(int ticks) {
  if (!quiet_) return;
  Wake();
  for (int i = 0; i < ticks && !failed_; ++i) core_.Tick();
}

}  // namespace openefs::replication
