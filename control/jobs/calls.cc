#include "control/jobs/calls.h"

#include "absl/strings/str_cat.h"
#include "common/clock.h"

namespace openefs::control {

void StopSignal::Stop() {
  MutexLock lock(mu_);
  stopped_ = true;
  changed_.SignalAll();
}

bool StopSignal::Stopped() const {
  MutexLock lock(mu_);
  return stopped_;
}

bool StopSignal::Sleep(int64_t ms) {
  const int64_t end_ms = SystemClock::Get()->MonotonicMs() + ms;
  MutexLock lock(mu_);
  while (!stopped_) {
    const int64_t left_ms = end_ms - SystemClock::Get()->MonotonicMs();
    if (left_ms <= 0) return true;
    changed_.WaitForMs(mu_, left_ms);
  }
  return false;
}

absl::StatusOr<pb::OperationResult> Execute(const std::shared_ptr<StopSignal>& signal,
                                            metadata::MetadataClient& client, GroupId group,
                                            pb::Operation operation) {
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(group);
  *request->add_operations() = std::move(operation);
  Response response = StopSignal::Wait<Response>(
      signal, [&](auto done) { client.Execute(std::move(request), std::move(done)); });
  if (!response.ok()) return response.status();
  if ((*response)->results_size() != 1) return absl::InternalError("no result came back");
  pb::OperationResult& result = *(*response)->mutable_results(0);
  if (result.error() != pb::FS_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat("refused: ", pb::FsError_Name(result.error())));
  }
  return std::move(result);
}

}  // namespace openefs::control
