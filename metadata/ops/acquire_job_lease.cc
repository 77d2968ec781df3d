#include "metadata/ops/acquire_job_lease.h"

#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

constexpr size_t kMaxJobBytes = 128;
constexpr size_t kMaxHolderBytes = 256;
constexpr uint32_t kMaxLeaseMs = 10 * 60 * 1000;  // a holder that died stops a job no longer

}  // namespace

pb::FsError AcquireJobLeaseOp::Apply(OperationContext& context, const Request& request,
                                     pb::OperationResult* result) {
  if (request.job().empty() || request.job().size() > kMaxJobBytes || request.holder().empty() ||
      request.holder().size() > kMaxHolderBytes || request.lease_ms() > kMaxLeaseMs) {
    return pb::FS_INVAL;
  }
  const uint64_t now_ms = static_cast<uint64_t>(context.environment.wall_time_ns) / 1'000'000;
  pb::JobLeaseRecord lease;
  const bool held = context.txn.GetRecord(keys::JobLease(request.job()), &lease) &&
                    now_ms < lease.expires_ms() && lease.holder() != request.holder();
  result->mutable_job_lease()->set_acquired(!held);
  if (held) return pb::FS_OK;
  lease.set_holder(request.holder());
  lease.set_expires_ms(now_ms + request.lease_ms());
  context.txn.PutRecord(keys::JobLease(request.job()), lease);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
