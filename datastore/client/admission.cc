#include "datastore/client/admission.h"

#include <utility>
#include <vector>

#include "datastore/client/client_metrics.h"

namespace openefs::datastore {

Admission::Verdict Admission::Enter(uint64_t bytes, absl::AnyInvocable<void()> go) {
  MutexLock lock(mu_);
  if (waiting_.empty() && Fits(bytes)) {
    inside_bytes_ += bytes;
    return Verdict::kGo;
  }
  if (waiting_bytes_ + bytes > max_waiting_bytes_) return Verdict::kRefused;
  waiting_bytes_ += bytes;
  waiting_.push_back({bytes, std::move(go)});
  ClientMetrics::Get().writes_waiting.Add(1);
  return Verdict::kWait;
}

void Admission::Leave(uint64_t bytes) {
  std::vector<Waiting> admitted;
  {
    MutexLock lock(mu_);
    inside_bytes_ -= bytes;
    while (!waiting_.empty() && Fits(waiting_.front().bytes)) {
      inside_bytes_ += waiting_.front().bytes;
      waiting_bytes_ -= waiting_.front().bytes;
      admitted.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
      ClientMetrics::Get().writes_waiting.Add(-1);
    }
  }
  for (Waiting& next : admitted) next.go();
}

}  // namespace openefs::datastore
