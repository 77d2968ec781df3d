#include "server/nfs4/compound_runner.h"

#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/operation_metrics.h"
#include "server/nfs4/services.h"
#include "server/nfs4/wire_status.h"
#include "server/rpc/await.h"

namespace openefs::nfs4 {
namespace {

constexpr size_t kResultHeaderBytes = 8;  // opcode and status

// Every namespace, and the NFS state of its clients, is in the first group as long as a file system
// has one shard.
constexpr GroupId kNamespaceGroup = kFirstNamespaceGroup;

bool MayFailLate(const Operation& operation) {
  return operation.info().opcode == OP_READ;  // its data may be unreachable
}

bool NothingWasDone(const absl::Status& why) {
  return why.code() == absl::StatusCode::kInvalidArgument ||
         why.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace

boost::asio::awaitable<void> CompoundRunner::Run(size_t first) {
  next_ = first;
  while (!stopped_ && next_ < operations_.size()) {
    co_await PlanRun();
    if (run_begin_ < next_) co_await ExecuteRun();
    if (stopped_ || next_ == operations_.size()) break;
    const DecodedOperation& next = operations_[next_];
    if (refused_ != NFS4_OK) {
      FailResult(next, refused_);
    } else if (next.status == NFS4_OK && next.operation->Kind(context_) == OperationKind::kLocal) {
      co_await RunLocal();
    }
    // Otherwise a run ended by itself and nobody has looked at `next` yet: the next round does.
  }
}

boost::asio::awaitable<void> CompoundRunner::PlanRun() {
  run_begin_ = next_;
  request_ = std::make_unique<pb::SegmentRequest>();
  run_reply_bytes_ = 0;
  run_mutates_ = run_may_fail_late_ = false;
  run_has_slot_ = context_.session != nullptr;
  run_began_ns_ = context_.services->clock().MonotonicNs();
  Planned planned = Planned::kGoOn;
  while (planned == Planned::kGoOn && next_ < operations_.size()) {
    planned = co_await PlanNext();
  }
}

boost::asio::awaitable<CompoundRunner::Planned> CompoundRunner::PlanNext() {
  DecodedOperation& decoded = operations_[next_];
  refused_ = decoded.status;
  if (refused_ != NFS4_OK) co_return Planned::kNotInThisRun;
  Operation& operation = *decoded.operation;
  context_.is_last = next_ + 1 == operations_.size();
  const OperationKind kind = operation.Kind(context_);
  if (kind == OperationKind::kLocal) co_return Planned::kNotInThisRun;
  if (run_begin_ < next_ && NeedsOwnRun(operation, kind)) co_return Planned::kNotInThisRun;

  // A mutation whose result might not fit must not happen (RFC 8881 2.10.6.4).
  const size_t remaining = Remaining(run_reply_bytes_);
  context_.max_reply_bytes = static_cast<uint32_t>(remaining);
  if (operation.info().mutating && operation.ReplyBytes() > remaining) {
    refused_ = limit_.status;
    co_return Planned::kNotInThisRun;
  }
  refused_ = co_await operation.Prepare(context_);
  if (refused_ != NFS4_OK) co_return Planned::kNotInThisRun;
  operation.Plan(context_, request_->add_operations());
  ++next_;
  run_reply_bytes_ += kResultHeaderBytes + operation.ReplyBytes();
  run_mutates_ |= operation.info().mutating;
  run_may_fail_late_ |= MayFailLate(operation);
  if (kind == OperationKind::kMetadataAlone) run_has_slot_ = false;
  co_return kind == OperationKind::kMetadata ? Planned::kGoOn : Planned::kEndRun;
}

bool CompoundRunner::NeedsOwnRun(const Operation& operation, OperationKind kind) const {
  if (kind == OperationKind::kMetadataAlone) return true;
  if (!operation.info().mutating) return false;
  // Nothing changes behind an operation that might still fail, for its data or for want of room.
  return run_may_fail_late_ || operation.ReplyBytes() > Remaining(run_reply_bytes_);
}

boost::asio::awaitable<void> CompoundRunner::RunLocal() {
  DecodedOperation& decoded = operations_[next_];
  run_began_ns_ = context_.services->clock().MonotonicNs();
  const nfsstat4 prepared = co_await decoded.operation->Prepare(context_);
  if (prepared != NFS4_OK) {
    FailResult(decoded, prepared);
    co_return;
  }
  co_await FinishOne(decoded, pb::OperationResult());
  ++next_;
}

boost::asio::awaitable<void> CompoundRunner::ExecuteRun() {
  FillRequest();
  mutated_ |= run_mutates_;
  if (!run_mutates_) {
    if (auto at_once = context_.services->metadata().TryRead(*request_); at_once != nullptr) {
      co_await FinishRun(*at_once);
      co_return;
    }
  }
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  Response response = co_await rpc::Await<Response>([this](auto done) {
    context_.services->metadata().Execute(std::move(request_), std::move(done));
  });
  if (!response.ok()) {
    FailRun(response.status());
    co_return;
  }
  co_await FinishRun(**response);
}

void CompoundRunner::FillRequest() {
  request_->set_group(kNamespaceGroup);
  *request_->mutable_credentials() = context_.credentials;
  *request_->mutable_registers() = context_.registers;
  request_->set_first_operation_index(static_cast<uint32_t>(run_begin_));
  if (!run_has_slot_) return;
  pb::SlotRef& slot = *request_->mutable_slot();
  slot.set_session_id(context_.session->id);
  slot.set_slot(context_.slot);
  slot.set_sequence_id(context_.sequence_id);
  const OperationKind last = operations_[next_ - 1].operation->info().kind;
  request_->set_tell_overtaken(last == OperationKind::kMetadataEndRun);
}

void CompoundRunner::FailRun(const absl::Status& why) {
  const bool open = run_mutates_ && !NothingWasDone(why);
  if (!open) AbandonFrom(run_begin_);
  if (open && run_has_slot_) {
    // A new request would do it a second time; a retry of this one finds out. RFC 8881 2.10.6.2
    // lets SEQUENCE answer NFS4ERR_DELAY, upon which the slot's sequence id stays.
    sequence_status_ = NFS4ERR_DELAY;
    slot_outcome_ = SlotOutcome::kUndecided;
    stopped_ = true;
    return;
  }
  const bool malformed = why.code() == absl::StatusCode::kInvalidArgument;
  if (malformed) {
    Log(LogLevel::kError, "server.malformed_segment", {{"status", why.ToString()}});
  }
  FailResult(operations_[run_begin_], malformed ? NFS4ERR_SERVERFAULT : NFS4ERR_DELAY);
}

boost::asio::awaitable<void> CompoundRunner::FinishRun(pb::SegmentResponse& response) {
  context_.registers.Swap(response.mutable_registers());
  context_.overtaken = response.overtaken();
  const size_t count = static_cast<size_t>(response.results_size());
  const size_t planned = next_ - run_begin_;
  size_t done = 0;
  while (done < count && done < planned && !stopped_) {
    context_.is_last = run_begin_ + done + 1 == operations_.size();
    co_await FinishOne(operations_[run_begin_ + done], response.results(static_cast<int>(done)));
    ++done;
  }
  AbandonFrom(run_begin_ + count);
  if (done == planned || stopped_) co_return;
  Log(LogLevel::kError, "server.results_missing", {{"planned", planned}, {"results", count}});
  FailResult(operations_[run_begin_ + done], NFS4ERR_SERVERFAULT);
}

boost::asio::awaitable<void> CompoundRunner::FinishOne(DecodedOperation& decoded,
                                                       const pb::OperationResult& result) {
  if (result.error() != pb::FS_OK) {
    FinishFailed(decoded, result);
    co_return;
  }
  const size_t begin = reply_.size();
  context_.max_reply_bytes = static_cast<uint32_t>(Remaining(0));
  reply_.U32(decoded.opcode);
  reply_.U32(NFS4_OK);
  nfsstat4 status = co_await decoded.operation->Finish(context_, result, reply_);
  if (status == NFS4_OK && reply_.size() > limit_.bytes) status = limit_.status;
  if (status != NFS4_OK) {
    reply_.Truncate(begin);
    FailResult(decoded, status);
    co_return;
  }
  ++results_;
  CountOperation(decoded.opcode, NFS4_OK, context_.services->clock().MonotonicNs() - run_began_ns_);
}

void CompoundRunner::FinishFailed(DecodedOperation& decoded, const pb::OperationResult& result) {
  decoded.operation->Abandon(context_);
  if (run_has_slot_ && FailSequence(result.error())) return;
  const nfsstat4 status = ToWireStatus(result.error(), static_cast<nfs_opnum4>(decoded.opcode));
  FailResult(decoded, status, result);
}

bool CompoundRunner::FailSequence(pb::FsError error) {
  switch (error) {
    case pb::FS_BADSESSION:
      context_.services->sessions().Erase(context_.session->id);
      sequence_status_ = NFS4ERR_BADSESSION;
      break;
    case pb::FS_SEQ_MISORDERED:
      sequence_status_ = NFS4ERR_SEQ_MISORDERED;
      break;
    case pb::FS_SEQ_FALSE_RETRY:
      sequence_status_ = NFS4ERR_SEQ_FALSE_RETRY;
      break;
    default:
      return false;
  }
  slot_outcome_ = SlotOutcome::kForget;
  stopped_ = true;
  return true;
}

void CompoundRunner::FailResult(const DecodedOperation& decoded, nfsstat4 status,
                                const pb::OperationResult& result) {
  OPENEFS_CHECK(status != NFS4_OK);
  reply_.U32(decoded.opcode);
  reply_.U32(status);
  if (decoded.operation != nullptr) {
    decoded.operation->FinishError(context_, status, result, reply_);
  }
  ++results_;
  status_ = status;
  stopped_ = true;
  CountOperation(decoded.opcode, status, context_.services->clock().MonotonicNs() - run_began_ns_);
}

void CompoundRunner::AbandonFrom(size_t index) {
  for (; index < next_; ++index) operations_[index].operation->Abandon(context_);
}

size_t CompoundRunner::Remaining(size_t planned) const {
  // The status of an operation that does not fit must itself fit.
  const size_t used = reply_.size() + planned + 2 * kResultHeaderBytes;
  return used < limit_.bytes ? limit_.bytes - used : 0;
}

}  // namespace openefs::nfs4
