#include "tests/sim/workload/worker.h"

#include <iterator>
#include <utility>

namespace openefs::sim {
namespace {

constexpr uint32_t kPermissions = 0777;

}  // namespace

void Worker::Think() {
  if (left_ == 0) {
    done_ = true;
    return;
  }
  if (left_ > 0) --left_;
  env_->scheduler.After(env_->random.Exponential(env_->options.think_us * kUs), [this] { Next(); });
}

void Worker::Next() {
  const Op op = Choose();
  const bool by_handle = op.inode != 0;
  const size_t domain = by_handle ? held_domain_ : mine_[env_->random.Below(mine_.size())];
  pb::SegmentRequest request = MakeSegment(op, (*domains_)[domain], held_);
  client_->UseSlot(slot_, sequence_id_++, &request);
  env_->counts.Add("operations asked");
  client_->Ask(std::move(request),
               [this, op, domain, asked = histories_->moments++](const auto& response) {
                 Record(op, domain, asked, response);
               });
}

void Worker::Record(const Op& op, size_t domain, uint64_t asked,
                    const pb::SegmentResponse& response) {
  Operation operation{op, OutcomeOf(op, response), asked, histories_->moments++};
  env_->scheduler.Note(operation.outcome.inode << 8 | operation.outcome.error);
  if (op.kind == OpKind::kOpen && operation.outcome.error == pb::FS_OK) held_domain_ = domain;
  histories_->of_domain[domain].push_back(std::move(operation));
  env_->counts.Add("operations answered");
  UpdateHeld(op, response, &held_);
  Think();
}

Op Worker::Choose() {
  SimRandom& random = env_->random;
  Op op;
  const auto names = static_cast<uint64_t>(env_->options.names);
  op.dir = static_cast<uint32_t>(random.Below(2));
  op.name = static_cast<uint32_t>(random.Below(names));
  op.to_dir = static_cast<uint32_t>(random.Below(2));
  op.to_name = static_cast<uint32_t>(random.Below(names));
  op.owner = owner_;
  op.exclusive = random.Chance(500);
  op.value = histories_->next_value++;
  if (held_.file.inode() != 0 && random.Chance(500)) return ChooseOnOpen(op);
  op.kind = random.Chance(env_->options.reads) ? ChooseRead() : ChooseMutation();
  if (op.kind == OpKind::kSetMode) op.value &= kPermissions;
  return op;
}

Op Worker::ChooseOnOpen(Op op) {
  op.inode = held_.file.inode();
  constexpr OpKind kKinds[] = {OpKind::kLock, OpKind::kClose, OpKind::kGetAttr, OpKind::kLock};
  op.kind = kKinds[env_->random.Below(std::size(kKinds))];
  if (op.kind == OpKind::kLock && held_.locked) op.kind = OpKind::kUnlock;
  return op;
}

OpKind Worker::ChooseRead() {
  constexpr OpKind kKinds[] = {OpKind::kLookup, OpKind::kLookup, OpKind::kRead, OpKind::kReadDir};
  return kKinds[env_->random.Below(std::size(kKinds))];
}

OpKind Worker::ChooseMutation() {
  constexpr OpKind kKinds[] = {OpKind::kCreate, OpKind::kMkdir,  OpKind::kOpen,    OpKind::kOpen,
                               OpKind::kRemove, OpKind::kRemove, OpKind::kRemove,  OpKind::kRename,
                               OpKind::kRename, OpKind::kLink,   OpKind::kSetMode, OpKind::kWrite,
                               OpKind::kWrite};
  const OpKind kind = kKinds[env_->random.Below(std::size(kKinds))];
  // One open at a time.
  return kind == OpKind::kOpen && held_.file.inode() != 0 ? OpKind::kWrite : kind;
}

}  // namespace openefs::sim
