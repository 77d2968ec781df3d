#include "replication/node/inbox.h"

#include <utility>

namespace openefs::replication {
namespace {

// A loop that is this far behind gains nothing from more: Raft sends again what is lost.
constexpr size_t kMaxMessages = 16384;
constexpr size_t kMaxMessageBytes = size_t{256} << 20;

// Each peer has one under way.
constexpr size_t kMaxHellos = 64;

// Each of a few senders has four parts under way; this bounds what others can make us hold.
constexpr size_t kMaxSnapshotParts = 64;

// Longer than turns last; the end of one is told.
constexpr int64_t kGuestTurnMs = 10;

size_t EntryBytes(const pb::RaftMessage& message) {
  size_t bytes = 0;
  for (const pb::RaftEntry& entry : message.entries()) bytes += entry.data().size();
  return bytes;
}

}  // namespace

bool LoopInput::NeedsOwnThread() const {
  return stop || !log_failure.ok() || !hellos.empty() || !welcomes.empty() || !members.empty() ||
         !snapshots.empty() || !snapshot_news.empty() || !failures.empty() || !resets.empty();
}

// Calls for a turn only if the loop sleeps: a busy one looks again by itself. Who adds several
// things in one Turn takes that turn, or wakes the loop's thread, when they are all there.
template <typename Add>
bool Inbox::With(Add add) {
  bool wake;
  {
    MutexLock lock(mu_);
    if (closed_) return false;
    add(input_);
    has_news_ = true;
    wake = loop_ == Loop::kSleeps;
    if (wake) loop_ = Loop::kCalled;
  }
  if (!wake) return true;
  const std::shared_ptr<Inbox> self = weak_from_this().lock();
  if (self == nullptr || !Turn::Defer(self)) news_.Signal();
  return true;
}

bool Inbox::AddProposal(Proposal&& proposal) {
  return With([&](LoopInput& in) { in.proposals.push_back(std::move(proposal)); });
}

bool Inbox::AddBarrier(BarrierRequest&& request) {
  return With([&](LoopInput& in) { in.barriers.push_back(std::move(request)); });
}

bool Inbox::AddMembers(MemberRequest&& request) {
  return With([&](LoopInput& in) { in.members.push_back(std::move(request)); });
}

void Inbox::AddBatch(pb::RaftMessageBatch batch) {
  size_t bytes = 0;
  for (const pb::RaftMessage& message : batch.messages()) bytes += EntryBytes(message);
  With([&](LoopInput& in) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const size_t count = messages_ + 1 + static_cast<size_t>(batch.messages_size());
    if (count > kMaxMessages || message_bytes_ + bytes > kMaxMessageBytes) return;
    messages_ = count;
    message_bytes_ += bytes;
    in.batches.push_back(std::move(batch));
  });
}

void Inbox::AddHello(HelloRequest request) {
  With([&](LoopInput& in) {
    // The peer asks again.
    if (in.hellos.size() < kMaxHellos) in.hellos.push_back(std::move(request));
  });
}

void Inbox::AddWelcome(HelloAnswer answer) {
  With([&](LoopInput& in) { in.welcomes.push_back(std::move(answer)); });
}

void Inbox::AddPersisted(std::vector<PersistedWrite> writes) {
  With([&](LoopInput& in) {
    in.persisted.insert(in.persisted.end(), writes.begin(), writes.end());
  });
}

void Inbox::AddRead(ReadEntries read) {
  With([&](LoopInput& in) { in.reads.push_back(std::move(read)); });
}

void Inbox::AddFlushed(FlushedIndex flushed) {
  With([&](LoopInput& in) { in.flushed.push_back(flushed); });
}

void Inbox::AddSnapshot(SnapshotArrival arrival) {
  const bool added = With([&](LoopInput& in) {
    if (in.snapshots.size() >= kMaxSnapshotParts) return;
    in.snapshots.push_back(std::move(arrival));
    arrival.reply = nullptr;
  });
  if (!added || arrival.reply) arrival.reply(absl::UnavailableError("busy, or stopping"));
}

void Inbox::AddSnapshotNews(SnapshotNews news) {
  With([&](LoopInput& in) { in.snapshot_news.push_back(std::move(news)); });
}

void Inbox::AddFailure(GroupFailure failure) {
  With([&](LoopInput& in) { in.failures.push_back(std::move(failure)); });
}

void Inbox::AddReset(GroupReset reset) {
  With([&](LoopInput& in) { in.resets.push_back(std::move(reset)); });
}

void Inbox::AddLogFailure(absl::Status why) {
  With([&](LoopInput& in) { in.log_failure = std::move(why); });
}

void Inbox::Close() {
  With([&](LoopInput& in) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    in.stop = true;
    closed_ = true;
  });
}

// Waits return without cause at times: then a turn is taken for nothing.
LoopInput Inbox::Take(int64_t timeout_ms) {
  MutexLock lock(mu_);
  loop_ = has_news_ ? Loop::kCalled : Loop::kSleeps;
  if (!has_news_ && timeout_ms > 0) news_.WaitForMs(mu_, timeout_ms);
  own_turn_due_ = true;
  while (loop_ == Loop::kRuns) news_.WaitForMs(mu_, kGuestTurnMs);
  own_turn_due_ = false;
  loop_ = Loop::kRuns;
  return TakeInput();
}

LoopInput Inbox::TakeInput() {
  has_news_ = false;
  messages_ = 0;
  message_bytes_ = 0;
  return std::exchange(input_, LoopInput());
}

void Inbox::OnTurnEnd() {
  LoopInput in;
  if (!BeginGuestTurn(in)) return;
  guest_turn_(in);
  EndGuestTurn();
}

// The news may have been taken since it was brought, by the loop's own thread or another guest.
bool Inbox::BeginGuestTurn(LoopInput& in) {
  MutexLock lock(mu_);
  if (loop_ == Loop::kRuns || !has_news_) return false;
  const bool may = Turn::ThreadIsLent() && guest_turn_ != nullptr && !closed_;
  if (!may || own_turn_due_ || input_.NeedsOwnThread()) {
    news_.Signal();
    return false;
  }
  loop_ = Loop::kRuns;
  in = TakeInput();
  return true;
}

// What came meanwhile is for the loop's own thread, so that a guest gets back to its own work.
void Inbox::EndGuestTurn() {
  MutexLock lock(mu_);
  loop_ = has_news_ ? Loop::kCalled : Loop::kSleeps;
  if (has_news_ || own_turn_due_) news_.Signal();
}

}  // namespace openefs::replication
