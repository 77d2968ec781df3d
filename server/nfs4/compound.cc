#include "server/nfs4/compound.h"

#include <boost/asio/this_coro.hpp>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/log.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/compound_decoder.h"
#include "server/nfs4/compound_runner.h"
#include "server/nfs4/operation_metrics.h"
#include "server/nfs4/ops/sequence.h"
#include "server/nfs4/services.h"
#include "server/rpc/await.h"
#include "server/rpc/message.h"

namespace openefs::nfs4 {
namespace {

using boost::asio::awaitable;

// What a COMPOUND outside a session may answer.
constexpr size_t kSessionlessReplyBytes = 64 << 10;

// A request that waits for its first copy looks again this often before it gives up: every look
// finds another copy running, which only a client that floods one slot brings about.
constexpr int kMaxSlotLooks = 4;

bool MayStandAlone(uint32_t opcode) {
  return opcode == OP_EXCHANGE_ID || opcode == OP_CREATE_SESSION ||
         opcode == OP_BIND_CONN_TO_SESSION || opcode == OP_DESTROY_SESSION ||
         opcode == OP_DESTROY_CLIENTID;
}

// A COMPOUND4res under construction.
class CompoundReply {
 public:
  explicit CompoundReply(std::string_view tag) {
    status_at_ = writer_.ReserveU32();
    writer_.Opaque(tag);
    count_at_ = writer_.ReserveU32();
  }

  xdr::Writer& writer() { return writer_; }

  ReplyBody Finish(nfsstat4 status, size_t results) {
    writer_.PatchU32(status_at_, status);
    writer_.PatchU32(count_at_, static_cast<uint32_t>(results));
    return std::make_shared<const BufferList>(writer_.Finish());
  }

 private:
  xdr::Writer writer_;
  size_t status_at_;
  size_t count_at_;
};

// The reply whose first operation, and so the COMPOUND, failed. Counts nothing: it may never be
// sent.
ReplyBody EncodeFirstFailed(const DecodedCompound& compound, nfsstat4 status) {
  CompoundReply reply(compound.tag);
  reply.writer().U32(compound.operations.front().opcode);
  reply.writer().U32(status);
  return reply.Finish(status, 1);
}

ReplyBody FirstFailed(const DecodedCompound& compound, nfsstat4 status) {
  CountOperation(compound.operations.front().opcode, status, 0);
  return EncodeFirstFailed(compound, status);
}

// RFC 8881 2.10.2.2 and 15.1.1.3: what may come without SEQUENCE.
nfsstat4 CheckSessionless(const DecodedCompound& compound) {
  const DecodedOperation& first = compound.operations.front();
  if (first.status != NFS4_OK) return first.status;
  if (!MayStandAlone(first.opcode)) return NFS4ERR_OP_NOT_IN_SESSION;
  return compound.declared_operations == 1 ? NFS4_OK : NFS4ERR_NOT_ONLY_OP;
}

awaitable<ReplyBody> RunSessionless(CompoundContext context, DecodedCompound compound) {
  const nfsstat4 refused = CheckSessionless(compound);
  if (refused != NFS4_OK) co_return FirstFailed(compound, refused);
  CompoundReply reply(compound.tag);
  CompoundRunner runner(context, compound.operations, {kSessionlessReplyBytes, NFS4ERR_REP_TOO_BIG},
                        reply.writer());
  co_await runner.Run(0);
  co_return reply.Finish(runner.status(), runner.results());
}

struct FoundSession {
  nfsstat4 status = NFS4_OK;
  std::shared_ptr<Session> session;
};

// The session, from the metadata if it is not known here yet.
awaitable<FoundSession> FindSession(Services& services, std::string_view id) {
  if (auto known = services.sessions().Find(id)) co_return FoundSession{NFS4_OK, known};
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kFirstNamespaceGroup);
  request->add_operations()->mutable_get_session()->set_session_id(id.data(), id.size());
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  Response response = co_await rpc::Await<Response>(
      [&](auto done) { services.metadata().Execute(std::move(request), std::move(done)); });
  if (!response.ok() || (*response)->results_size() != 1) {
    co_return FoundSession{NFS4ERR_DELAY, nullptr};
  }
  const pb::OperationResult& result = (*response)->results(0);
  if (result.error() == pb::FS_DELAY) co_return FoundSession{NFS4ERR_DELAY, nullptr};
  if (result.error() != pb::FS_OK) co_return FoundSession{NFS4ERR_BADSESSION, nullptr};
  const pb::SessionInfo& info = result.session();
  co_return FoundSession{
      NFS4_OK, services.sessions().Insert(id, info.client_id(), info.fore_channel(), false)};
}

// Waits for the reply of the copy that runs in that slot; null if none runs any more.
awaitable<ReplyBody> JoinCopy(Session& session, const SlotRequest& request) {
  co_return co_await rpc::Await<ReplyBody>([&](auto done) {
    auto shared = std::make_shared<Joiner>(std::move(done));
    const bool joined = session.Join(request, [shared](ReplyBody reply) { (*shared)(reply); });
    if (!joined) (*shared)(nullptr);
  });
}

// The slot of a request that runs. Whatever happens, it ends once.
class RunningSlot {
 public:
  RunningSlot(std::shared_ptr<Session> session, uint32_t slot, ReplyBody on_failure)
      : session_(std::move(session)), slot_(slot), on_failure_(std::move(on_failure)) {}
  ~RunningSlot() {
    if (session_ != nullptr) {
      session_->End(slot_, SlotOutcome::kUndecided, std::move(on_failure_), false);
    }
  }
  RunningSlot(const RunningSlot&) = delete;
  RunningSlot& operator=(const RunningSlot&) = delete;

  void End(SlotOutcome outcome, ReplyBody reply, bool keep) {
    std::exchange(session_, nullptr)->End(slot_, outcome, std::move(reply), keep);
  }

 private:
  std::shared_ptr<Session> session_;
  const uint32_t slot_;
  ReplyBody on_failure_;
};

ReplyLimit LimitOf(const Session& session, bool cache_this) {
  const auto body = [](uint32_t message) {
    return message > rpc::kReplyHeaderBytes ? message - rpc::kReplyHeaderBytes : 0;
  };
  if (cache_this && session.max_cached_response_bytes < session.max_response_bytes) {
    return {body(session.max_cached_response_bytes), NFS4ERR_REP_TOO_BIG_TO_CACHE};
  }
  return {body(session.max_response_bytes), NFS4ERR_REP_TOO_BIG};
}

// Runs what is behind SEQUENCE, whose slot is ours.
awaitable<ReplyBody> RunInSlot(CompoundContext context, DecodedCompound& compound,
                               const SequenceArguments& sequence, bool* keep,
                               SlotOutcome* outcome) {
  const Session& session = *context.session;
  const ReplyLimit limit = LimitOf(session, sequence.cache_this);
  CompoundReply reply(compound.tag);
  EncodeSequenceResult(sequence, session, reply.writer());
  *outcome = SlotOutcome::kUndecided;
  if (reply.writer().size() > limit.bytes) co_return FirstFailed(compound, limit.status);
  CountOperation(OP_SEQUENCE, NFS4_OK, 0);
  CompoundRunner runner(context, compound.operations, limit, reply.writer());
  co_await runner.Run(1);
  *outcome = runner.slot_outcome();
  if (runner.sequence_status() != NFS4_OK) {
    co_return FirstFailed(compound, runner.sequence_status());
  }
  *keep = (sequence.cache_this || runner.mutated()) &&
          reply.writer().size() <= session.max_cached_response_bytes;
  co_return reply.Finish(runner.status(), 1 + runner.results());
}

// RFC 8881 18.46.3: what is wrong with a request before its slot is looked at.
nfsstat4 CheckSize(const Session& session, const DecodedCompound& compound, size_t record_bytes) {
  if (record_bytes > session.max_request_bytes) return NFS4ERR_REQ_TOO_BIG;
  if (compound.declared_operations > session.max_operations) return NFS4ERR_TOO_MANY_OPS;
  return NFS4_OK;
}

nfsstat4 CheckSlots(const Session& session, const SequenceArguments& sequence) {
  if (sequence.slot >= session.slots) return NFS4ERR_BADSLOT;
  // RFC 8881 15.1.11.3: the client takes more slots for its own than it was given.
  return sequence.highest_slot >= session.slots ? NFS4ERR_BAD_HIGH_SLOT : NFS4_OK;
}

awaitable<ReplyBody> ExecuteInSlot(CompoundContext context, DecodedCompound& compound,
                                   const SequenceArguments& sequence) {
  RunningSlot running(context.session, context.slot, EncodeFirstFailed(compound, NFS4ERR_DELAY));
  bool keep = false;
  SlotOutcome outcome = SlotOutcome::kUndecided;
  ReplyBody reply = co_await RunInSlot(std::move(context), compound, sequence, &keep, &outcome);
  running.End(outcome, reply, keep);
  co_return reply;
}

awaitable<ReplyBody> RunInSession(CompoundContext context, DecodedCompound compound,
                                  uint64_t connection_id, size_t record_bytes) {
  const SequenceArguments sequence = SequenceArgumentsOf(*compound.operations.front().operation);
  FoundSession found = co_await FindSession(*context.services, sequence.session_id);
  if (found.status != NFS4_OK) co_return FirstFailed(compound, found.status);
  nfsstat4 refused = CheckSize(*found.session, compound, record_bytes);
  if (refused == NFS4_OK) refused = CheckSlots(*found.session, sequence);
  if (refused != NFS4_OK) co_return FirstFailed(compound, refused);

  context.session = found.session;
  context.client_id = found.session->client_id;
  context.slot = sequence.slot;
  context.sequence_id = sequence.sequence_id;
  const SlotRequest request{sequence.slot, sequence.sequence_id, compound.Fingerprint(),
                            connection_id};
  for (int look = 0; look < kMaxSlotLooks; ++look) {
    SlotVerdict verdict = found.session->Begin(request);
    switch (verdict.kind) {
      case SlotVerdict::Kind::kExecute:
        co_return co_await ExecuteInSlot(std::move(context), compound, sequence);
      case SlotVerdict::Kind::kReplay:
        co_return std::move(verdict.reply);
      case SlotVerdict::Kind::kError:
        co_return FirstFailed(compound, verdict.status);
      case SlotVerdict::Kind::kRunning:
        if (ReplyBody reply = co_await JoinCopy(*found.session, request)) co_return reply;
    }
  }
  co_return FirstFailed(compound, NFS4ERR_DELAY);
}

}  // namespace

awaitable<ReplyBody> RunCompound(Services& services, CompoundCall call) {
  std::optional<DecodedCompound> compound = DecodeCompound(std::move(call.arguments));
  if (!compound.has_value()) co_return nullptr;
  if (compound->minor_version != 1) {
    co_return CompoundReply(compound->tag).Finish(NFS4ERR_MINOR_VERS_MISMATCH, 0);
  }
  if (compound->operations.empty()) co_return CompoundReply(compound->tag).Finish(NFS4_OK, 0);

  CompoundContext context;
  context.services = &services;
  context.credentials = std::move(call.credentials);
  const DecodedOperation& first = compound->operations.front();
  if (first.opcode == OP_SEQUENCE && first.status == NFS4_OK) {
    co_return co_await RunInSession(std::move(context), std::move(*compound), call.connection_id,
                                    call.record_bytes);
  }
  co_return co_await RunSessionless(std::move(context), std::move(*compound));
}

}  // namespace openefs::nfs4
