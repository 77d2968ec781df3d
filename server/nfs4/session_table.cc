#include "server/nfs4/session_table.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace openefs::nfs4 {
namespace {

SlotVerdict Error(nfsstat4 status) { return {SlotVerdict::Kind::kError, status}; }

// Sequence ids wrap (RFC 8881 2.10.6.1): 1 is the next one, more is ahead, less is behind.
int32_t StepsAhead(uint32_t sequence_id, uint32_t last) {
  return static_cast<int32_t>(sequence_id - last);
}

}  // namespace

Session::Session(std::string session_id, uint64_t client, const pb::ChannelAttributes& fore,
                 bool fresh, KeptBytes kept_bytes)
    : id(std::move(session_id)),
      client_id(client),
      max_request_bytes(fore.max_request_bytes()),
      max_response_bytes(fore.max_response_bytes()),
      max_cached_response_bytes(fore.max_cached_response_bytes()),
      max_operations(fore.max_operations()),
      slots(std::min(fore.max_requests(), kMaxSlots)),
      fresh_(fresh),
      kept_bytes_(std::move(kept_bytes)) {}

Session::~Session() {
  MutexLock lock(mu_);
  for (Slot& slot : table_) DropKept(slot);
}

SlotVerdict Session::Begin(const SlotRequest& request) {
  if (request.slot >= slots) return Error(NFS4ERR_BADSLOT);
  MutexLock lock(mu_);
  while (table_.size() <= request.slot) {
    table_.emplace_back().known = fresh_;
  }
  Slot& slot = table_[request.slot];
  return slot.running ? BeginRunning(slot, request) : BeginIdle(slot, request);
}

SlotVerdict Session::BeginRunning(const Slot& slot, const SlotRequest& request) {
  if (request.sequence_id != slot.sequence_id) return Error(NFS4ERR_SEQ_MISORDERED);
  if (request.fingerprint != slot.fingerprint) return Error(NFS4ERR_SEQ_FALSE_RETRY);
  if (slot.joiners.size() >= kMaxJoiners) return Error(NFS4ERR_DELAY);  // RFC 8881 2.10.6.2
  return {SlotVerdict::Kind::kRunning};
}

bool Session::Join(const SlotRequest& request, Joiner joiner) {
  MutexLock lock(mu_);
  OPENEFS_CHECK(request.slot < table_.size());
  Slot& slot = table_[request.slot];
  const bool same = slot.running && slot.sequence_id == request.sequence_id;
  if (!same || slot.joiners.size() >= kMaxJoiners) return false;
  slot.joiners.push_back(std::move(joiner));
  return true;
}

SlotVerdict Session::BeginIdle(Slot& slot, const SlotRequest& request) {
  if (!slot.known) return Start(slot, request);
  const int32_t ahead = StepsAhead(request.sequence_id, slot.sequence_id);
  if (ahead == 1) return Start(slot, request);
  if (ahead == 0) {
    // A fresh slot is at 0, but 0 is no request's number.
    if (slot.connection_id == 0) return Error(NFS4ERR_SEQ_MISORDERED);
    if (request.fingerprint != slot.fingerprint) return Error(NFS4ERR_SEQ_FALSE_RETRY);
    if (slot.kept != nullptr) return {SlotVerdict::Kind::kReplay, NFS4_OK, slot.kept};
    return Start(slot, request);  // the metadata has the results of its mutations
  }
  // On a connection that has not used this slot before, the client may come from another front-end,
  // with which it went on counting.
  if (ahead > 1 && request.connection_id != slot.connection_id) return Start(slot, request);
  return Error(NFS4ERR_SEQ_MISORDERED);
}

SlotVerdict Session::Start(Slot& slot, const SlotRequest& request) {
  DropKept(slot);
  slot.running = true;
  slot.previous = {slot.known, slot.sequence_id, slot.fingerprint, slot.connection_id};
  slot.known = true;
  slot.sequence_id = request.sequence_id;
  slot.fingerprint = request.fingerprint;
  slot.connection_id = request.connection_id;
  return {SlotVerdict::Kind::kExecute};
}

void Session::End(uint32_t number, SlotOutcome outcome, ReplyBody reply, bool keep) {
  std::vector<Joiner> joiners;
  {
    MutexLock lock(mu_);
    OPENEFS_CHECK(number < table_.size());
    Slot& slot = table_[number];
    OPENEFS_CHECK(slot.running);
    slot.running = false;
    joiners.swap(slot.joiners);
    if (outcome == SlotOutcome::kDone) {
      if (keep) Keep(slot, reply);
    } else {
      slot.known = slot.previous.known && outcome == SlotOutcome::kUndecided;
      slot.sequence_id = slot.previous.sequence_id;
      slot.fingerprint = slot.previous.fingerprint;
      slot.connection_id = slot.previous.connection_id;
    }
  }
  for (Joiner& joiner : joiners) joiner(reply);
}

void Session::Keep(Slot& slot, ReplyBody reply) {
  const size_t bytes = TotalBytes(*reply);
  if (kept_bytes_->fetch_add(bytes) + bytes > kMaxKeptReplyBytes) {
    kept_bytes_->fetch_sub(bytes);
    return;
  }
  slot.kept = std::move(reply);
  slot.kept_bytes = bytes;
}

void Session::DropKept(Slot& slot) {
  if (slot.kept == nullptr) return;
  kept_bytes_->fetch_sub(slot.kept_bytes);
  slot.kept = nullptr;
}

void SessionTable::Touch(Session& session) const {
  session.last_used_ms.store(clock_->MonotonicMs(), std::memory_order_relaxed);
  if (!session.used.load(std::memory_order_relaxed)) {
    session.used.store(true, std::memory_order_relaxed);
  }
}

std::shared_ptr<Session> SessionTable::Find(std::string_view id) {
  std::shared_ptr<Session> found;
  {
    MutexLock lock(mu_);
    const auto it = sessions_.find(absl::string_view(id.data(), id.size()));
    if (it == sessions_.end()) return nullptr;
    found = it->second;
  }
  Touch(*found);
  return found;
}

std::shared_ptr<Session> SessionTable::Insert(std::string_view id, uint64_t client_id,
                                              const pb::ChannelAttributes& fore, bool fresh) {
  auto made = std::make_shared<Session>(std::string(id), client_id, fore, fresh, kept_bytes_);
  Touch(*made);
  MutexLock lock(mu_);
  if (sessions_.size() >= kMaxCachedSessions) return made;
  return sessions_.try_emplace(made->id, made).first->second;
}

void SessionTable::Erase(std::string_view id) {
  MutexLock lock(mu_);
  const auto it = sessions_.find(absl::string_view(id.data(), id.size()));
  if (it == sessions_.end()) return;
  it->second->gone.store(true, std::memory_order_relaxed);
  sessions_.erase(it);
}

std::vector<std::shared_ptr<Session>> SessionTable::TakeUsed() {
  std::vector<std::shared_ptr<Session>> used;
  MutexLock lock(mu_);
  for (const auto& [id, session] : sessions_) {
    if (session->used.exchange(false, std::memory_order_relaxed)) used.push_back(session);
  }
  return used;
}

void SessionTable::EvictIdle(int64_t idle_ms) {
  const int64_t oldest = clock_->MonotonicMs() - idle_ms;
  MutexLock lock(mu_);
  absl::erase_if(sessions_, [oldest](const auto& entry) {
    // A session that somebody holds may have a request running: its slots must stay one.
    const bool idle = entry.second->last_used_ms.load(std::memory_order_relaxed) < oldest;
    return idle && entry.second.use_count() == 1;
  });
}

size_t SessionTable::size() const {
  MutexLock lock(mu_);
  return sessions_.size();
}

}  // namespace openefs::nfs4
