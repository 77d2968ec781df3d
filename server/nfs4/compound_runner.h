// Runs the operations of one COMPOUND in order until the first error: cuts them into runs, one
// metadata segment each, as operation.h describes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/metadata.pb.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/compound_decoder.h"
#include "server/nfs4/session_table.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

// How many bytes a COMPOUND4res may have, and what an operation hears that does not fit.
struct ReplyLimit {
  size_t bytes = 0;
  nfsstat4 status = NFS4ERR_REP_TOO_BIG;
};

class CompoundRunner {
 public:
  // All of them outlive the runner. `reply` may hold bytes already.
  CompoundRunner(CompoundContext& context, std::vector<DecodedOperation>& operations,
                 ReplyLimit limit, xdr::Writer& reply)
      : context_(context), operations_(operations), limit_(limit), reply_(reply) {}

  // Runs operations[first] and on, appending one result each. Once.
  boost::asio::awaitable<void> Run(size_t first);

  // Of the last operation that has a result; NFS4_OK if none has.
  nfsstat4 status() const { return status_; }
  size_t results() const { return results_; }
  // Whether something was asked of the metadata that changes it.
  bool mutated() const { return mutated_; }

  // Not NFS4_OK: no result counts, SEQUENCE fails with this, and the slot ends with
  // slot_outcome(). The metadata knows better about the session or slot, or a mutation's outcome is
  // open and only a retry of the same slot can settle it.
  nfsstat4 sequence_status() const { return sequence_status_; }
  SlotOutcome slot_outcome() const { return slot_outcome_; }

 private:
  enum class Planned { kGoOn, kEndRun, kNotInThisRun };

  boost::asio::awaitable<void> PlanRun();
  boost::asio::awaitable<Planned> PlanNext();
  bool NeedsOwnRun(const Operation& operation, OperationKind kind) const;
  boost::asio::awaitable<void> RunLocal();
  boost::asio::awaitable<void> ExecuteRun();
  void FillRequest();
  void FailRun(const absl::Status& why);
  boost::asio::awaitable<void> FinishRun(pb::SegmentResponse& response);
  boost::asio::awaitable<void> FinishOne(DecodedOperation& decoded,
                                         const pb::OperationResult& result);
  void FinishFailed(DecodedOperation& decoded, const pb::OperationResult& result);
  bool FailSequence(pb::FsError error);
  void FailResult(const DecodedOperation& decoded, nfsstat4 status,
                  const pb::OperationResult& result = pb::OperationResult::default_instance());
  void AbandonFrom(size_t index);
  // What the reply may still take, after `planned` bytes and the status of one more operation.
  size_t Remaining(size_t planned) const;

  CompoundContext& context_;
  std::vector<DecodedOperation>& operations_;
  const ReplyLimit limit_;
  xdr::Writer& reply_;

  // operations_[run_begin_, next_) are in request_.
  size_t run_begin_ = 0;
  size_t next_ = 0;
  std::unique_ptr<pb::SegmentRequest> request_;
  size_t run_reply_bytes_ = 0;  // bound for the results of the run
  bool run_mutates_ = false;
  bool run_may_fail_late_ = false;  // a result may fail although its metadata operation did not
  bool run_has_slot_ = true;
  nfsstat4 refused_ = NFS4_OK;  // operations_[next_] fails with this once the run went well
  int64_t run_began_ns_ = 0;

  bool stopped_ = false;
  nfsstat4 status_ = NFS4_OK;
  size_t results_ = 0;
  bool mutated_ = false;
  nfsstat4 sequence_status_ = NFS4_OK;
  SlotOutcome slot_outcome_ = SlotOutcome::kDone;
};

}  // namespace openefs::nfs4
