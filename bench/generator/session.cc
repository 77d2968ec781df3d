#include "bench/generator/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::bench {

using namespace nfs4;  // the wire's names

namespace {

// Between tries of a request that the server wants later.
constexpr int64_t kFirstDelayNs = 5'000'000;
constexpr int64_t kLastDelayNs = 500'000'000;

// RPC and COMPOUND around file data: credentials, SEQUENCE, handles, attributes. What the session's
// size limits must leave beside a READ or WRITE.
constexpr uint32_t kOverheadBytes = 2048;

// Errors of SEQUENCE after which the session cannot be gone on with.
bool MeansSessionLost(nfsstat4 status) {
  switch (status) {
    case NFS4ERR_BADSESSION:
    case NFS4ERR_DEADSESSION:
    case NFS4ERR_BADSLOT:
    case NFS4ERR_BAD_HIGH_SLOT:
    case NFS4ERR_SEQ_MISORDERED:
    case NFS4ERR_SEQ_FALSE_RETRY:
    case NFS4ERR_STALE_CLIENTID:
      return true;
    default:
      return false;
  }
}

bool IsLater(nfsstat4 status) { return status == NFS4ERR_DELAY || status == NFS4ERR_GRACE; }

int64_t Doubled(int64_t pause_ns) { return std::min(2 * pause_ns, kLastDelayNs); }

}  // namespace

// Until a slot is released or a recovery ends: then look again.
struct Session::WaitForSlot {
  Session* session;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) { session->waiting_.push_back(awaiter); }
  void await_resume() {}
};

Session::Session(Loop* loop, Connection* connection, Recorder* recorder, SessionOptions options)
    : loop_(loop), connection_(connection), recorder_(recorder), options_(std::move(options)) {}

Task<absl::Status> Session::Open() {
  const absl::Status status = co_await Establish(NowNs() + options_.patience_ns);
  if (!status.ok()) broken_ = status;
  co_return status;
}

Task<Reply> Session::Run(Request request) {
  request.Seal();
  const int64_t sent_ns = NowNs();
  const int64_t deadline_ns = sent_ns + options_.patience_ns;
  int64_t pause_ns = kFirstDelayNs;
  bool maybe_repeated = false;
  for (;;) {
    const uint64_t generation = generation_;
    Reply reply = co_await RunOnce(request, deadline_ns);
    const Verdict verdict = Judge(reply);
    const bool patient = NowNs() < deadline_ns;
    if (verdict == Verdict::kDone || !patient) {
      if (maybe_repeated) reply.set_maybe_repeated();
      recorder_->Call(request.kind(), sent_ns, reply.ok());
      co_return reply;
    }
    if (verdict == Verdict::kLater) {
      recorder_->Delay();
      co_await loop_->SleepFor(pause_ns);
      pause_ns = Doubled(pause_ns);
    }
    maybe_repeated |= verdict == Verdict::kAgain || verdict == Verdict::kSessionLost;
    if (verdict == Verdict::kSessionLost) (void)co_await Recover(generation, deadline_ns);
    if (verdict == Verdict::kConnectionUnbound) {
      (void)co_await SendBare(std::move(Request(CallKind::kSession).BindConnection(session_id_)),
                              deadline_ns);
    }
  }
}

Session::Verdict Session::Judge(const Reply& reply) {
  // Aborted: another request found the session lost and made a new one.
  if (!reply.answered()) {
    return absl::IsAborted(reply.error()) ? Verdict::kAgain : Verdict::kDone;
  }
  const nfsstat4 status = reply.status();
  if (status == NFS4_OK) return Verdict::kDone;
  if (IsLater(status)) return Verdict::kLater;
  if (status == NFS4ERR_RETRY_UNCACHED_REP) return Verdict::kAgain;
  if (status == NFS4ERR_CONN_NOT_BOUND_TO_SESSION) return Verdict::kConnectionUnbound;
  if (MeansSessionLost(status)) return Verdict::kSessionLost;
  return Verdict::kDone;
}

bool Session::TakeSlot(Slot* slot) {
  if (recovering_ || free_slots_.empty()) return false;
  *slot = {free_slots_.back(), generation_};
  free_slots_.pop_back();
  return true;
}

void Session::ReleaseSlot(Slot slot) {
  if (slot.generation != generation_) return;
  free_slots_.push_back(slot.number);
  WakeWaiters(1);
}

void Session::WakeWaiters(size_t most) {
  for (size_t wake = std::min(most, waiting_.size()); wake > 0 && !waiting_.empty(); --wake) {
    const std::coroutine_handle<> next = waiting_.front();
    waiting_.pop_front();
    next.resume();
  }
}

// One new request on one slot.
Task<Reply> Session::RunOnce(const Request& request, int64_t deadline_ns) {
  Slot slot;
  while (broken_.ok() && !TakeSlot(&slot)) co_await WaitForSlot{this};
  if (!broken_.ok()) co_return Reply(broken_);
  ++sequence_ids_[slot.number];
  Reply reply = co_await SendOnSlot(request, slot, deadline_ns);
  ReleaseSlot(slot);
  co_return reply;
}

// The request with the slot's present sequence id, again while SEQUENCE itself is put off: that
// does not use up the sequence id.
Task<Reply> Session::SendOnSlot(const Request& request, Slot slot, int64_t deadline_ns) {
  int64_t pause_ns = kFirstDelayNs;
  for (;;) {
    Connection::Answer answer = co_await SendUntilAnswered(request, &slot, deadline_ns);
    if (!answer.status.ok()) co_return Reply(answer.status);
    Reply reply(std::move(answer.results));
    const bool later = reply.answered() && IsLater(reply.status());
    if (DecodeSequence(reply, slot) || !later || NowNs() >= deadline_ns) co_return reply;
    recorder_->Delay();
    co_await loop_->SleepFor(pause_ns);
    pause_ns = Doubled(pause_ns);
  }
}

// Whether SEQUENCE went well; its body is passed then.
bool Session::DecodeSequence(Reply& reply, Slot slot) {
  if (!reply.answered()) return false;
  if (reply.Next(OP_SEQUENCE) != NFS4_OK) return false;
  xdr::Reader& body = reply.body();
  body.FixedOpaque(NFS4_SESSIONID_SIZE);
  const uint32_t sequence_id = body.U32();
  const uint32_t number = body.U32();
  body.U32();  // sr_highest_slotid
  body.U32();  // sr_target_highest_slotid
  body.U32();  // sr_status_flags
  const bool ours = slot.generation != generation_ ||
                    (number == slot.number && sequence_id == sequence_ids_[number]);
  if (!ours) body.Fail();
  return true;
}

// Sends, connecting first if need be, until an answer comes. Fails when the patience is over or the
// slot's session was replaced meanwhile.
Task<Connection::Answer> Session::SendUntilAnswered(const Request& request, const Slot* slot,
                                                    int64_t deadline_ns) {
  for (bool first = true;; first = false) {
    Connection::Answer answer;
    answer.status = co_await connection_->Connect(deadline_ns);
    if (!answer.status.ok()) co_return answer;
    if (slot != nullptr && slot->generation != generation_) {
      answer.status = absl::AbortedError("the session was lost");
      co_return answer;
    }
    if (!first) recorder_->Resend();
    SequenceHeader sequence;
    if (slot != nullptr) {
      sequence = {session_id_, sequence_ids_[slot->number], slot->number, slots() - 1};
    }
    last_sent_ns_ = NowNs();
    const uint32_t xid = connection_->NextXid();
    std::string header =
        EncodeCallHeader(xid, options_.credentials, request, slot != nullptr ? &sequence : nullptr);
    answer = co_await connection_->Send(xid, std::move(header), request.pieces());
    const bool lost = absl::IsUnavailable(answer.status);
    if (!lost || NowNs() >= deadline_ns) co_return answer;
  }
}

// A request outside any session.
Task<Reply> Session::SendBare(Request request, int64_t deadline_ns) {
  request.Seal();
  int64_t pause_ns = kFirstDelayNs;
  for (;;) {
    Connection::Answer answer = co_await SendUntilAnswered(request, nullptr, deadline_ns);
    if (!answer.status.ok()) co_return Reply(answer.status);
    Reply reply(std::move(answer.results));
    const bool later = reply.answered() && IsLater(reply.status());
    if (!later || NowNs() >= deadline_ns) co_return reply;
    co_await loop_->SleepFor(pause_ns);
    pause_ns = Doubled(pause_ns);
  }
}

// Several requests find the session lost at once: the first makes a new one, the others wait.
Task<absl::Status> Session::Recover(uint64_t lost_generation, int64_t deadline_ns) {
  if (lost_generation != generation_ || !broken_.ok()) co_return broken_;
  if (recovering_) {
    while (recovering_) co_await WaitForSlot{this};
    co_return broken_;
  }
  recovering_ = true;
  recorder_->SessionLoss();
  const absl::Status status = co_await Establish(deadline_ns);
  if (!status.ok()) broken_ = status;
  recovering_ = false;
  WakeWaiters(waiting_.size());
  co_return status;
}

Task<absl::Status> Session::Establish(int64_t deadline_ns) {
  if (client_id_ == 0) {
    const absl::Status status = co_await ExchangeId(deadline_ns);
    if (!status.ok()) co_return status;
  }
  Reply created = co_await CreateSession(deadline_ns);
  if (created.answered() && created.status() == NFS4ERR_STALE_CLIENTID) {
    const absl::Status status = co_await ExchangeId(deadline_ns);
    if (!status.ok()) co_return status;
    created = co_await CreateSession(deadline_ns);
  }
  const absl::Status status = Adopt(std::move(created));
  if (!status.ok()) co_return status;
  co_return co_await FirstRequest(deadline_ns);
}

Task<absl::Status> Session::ExchangeId(int64_t deadline_ns) {
  Reply reply = co_await SendBare(
      std::move(Request(CallKind::kSession).ExchangeId(options_.owner, options_.verifier)),
      deadline_ns);
  if (reply.ok()) {
    reply.Skip({OP_EXCHANGE_ID});
    client_id_ = reply.body().U64();
    create_sequence_id_ = reply.body().U32();
    ++incarnation_;
  }
  co_return reply.Status("EXCHANGE_ID");
}

Task<Reply> Session::CreateSession(int64_t deadline_ns) {
  Request request(CallKind::kSession);
  request.CreateSession(client_id_, create_sequence_id_, options_.slots,
                        options_.max_io_bytes + kOverheadBytes);
  return SendBare(std::move(request), deadline_ns);
}

// CREATE_SESSION4resok (RFC 8881 18.36.2): the session it describes is the current one from now on.
absl::Status Session::Adopt(Reply created) {
  if (!created.ok()) return created.Status("CREATE_SESSION");
  created.Skip({OP_CREATE_SESSION});
  xdr::Reader& body = created.body();
  std::string id(body.FixedOpaque(NFS4_SESSIONID_SIZE));
  body.U32();  // csr_sequence
  body.U32();  // csr_flags
  body.U32();  // headerpadsize
  const uint32_t max_request = body.U32();
  const uint32_t max_response = body.U32();
  body.U32();  // maxresponsesize_cached
  body.U32();  // maxoperations
  const uint32_t slots = std::min(body.U32(), options_.slots);
  if (!body.ok() || slots == 0) return absl::DataLossError("CREATE_SESSION: malformed reply");
  ++create_sequence_id_;
  const uint32_t least = std::min(max_request, max_response);
  max_io_bytes_ =
      least > kOverheadBytes ? std::min(least - kOverheadBytes, options_.max_io_bytes) : 0;
  ++generation_;
  session_id_ = std::move(id);
  sequence_ids_.assign(slots, 0);
  free_slots_.clear();
  for (uint32_t slot = slots; slot-- > 0;) free_slots_.push_back(slot);
  return absl::OkStatus();
}

// RECLAIM_COMPLETE (RFC 8881 18.51): without it nothing may be opened. There is nothing to reclaim:
// a load generator that lost its opens makes new ones.
Task<absl::Status> Session::FirstRequest(int64_t deadline_ns) {
  Request request(CallKind::kSession);
  request.ReclaimComplete().Cached().Seal();
  const Slot slot{0, generation_};
  ++sequence_ids_[0];
  const Reply reply = co_await SendOnSlot(request, slot, deadline_ns);
  const bool complete = reply.answered() && reply.status() == NFS4ERR_COMPLETE_ALREADY;
  co_return complete ? absl::OkStatus() : reply.Status("RECLAIM_COMPLETE");
}

Task<void> Session::Close() {
  if (session_id_.empty() || !broken_.ok()) co_return;
  const int64_t deadline_ns = NowNs() + options_.patience_ns;
  (void)co_await SendBare(std::move(Request(CallKind::kSession).DestroySession(session_id_)),
                          deadline_ns);
  (void)co_await SendBare(std::move(Request(CallKind::kSession).DestroyClientId(client_id_)),
                          deadline_ns);
  broken_ = absl::CancelledError("the session was closed");
}

Task<void> Session::RenewIfIdle(int64_t idle_ns) {
  if (!broken_.ok() || session_id_.empty() || NowNs() - last_sent_ns_ < idle_ns) co_return;
  (void)co_await Run(Request(CallKind::kSession));
}

}  // namespace openefs::bench
