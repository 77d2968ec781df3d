#include "metadata/service/ready_reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "metadata/service/service_metrics.h"

namespace openefs::metadata {

void ReadyReads::Add(Read read) {
  {
    MutexLock lock(mu_);
    waiting_.push_back(std::move(read));
  }
  if (!Turn::Defer(shared_from_this())) Submit(Take());
}

std::vector<ReadyReads::Read> ReadyReads::Take() {
  MutexLock lock(mu_);
  return std::exchange(waiting_, {});
}

void ReadyReads::OnTurnEnd() {
  std::vector<Read> reads = Take();
  std::vector<Read> left;
  for (Read& read : reads) {
    auto response = reads.size() <= kReadsAtOnce ? at_once_(*read.request) : nullptr;
    if (response == nullptr) {
      left.push_back(std::move(read));
    } else {
      read.done(std::move(response));
    }
  }
  Submit(std::move(left));
}

void ReadyReads::Submit(std::vector<Read> reads) {
  for (size_t begin = 0; begin < reads.size(); begin += kReadsPerJob) {
    const size_t end = std::min(begin + kReadsPerJob, reads.size());
    const auto first = reads.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<Read> share(
        std::make_move_iterator(first),
        std::make_move_iterator(first + static_cast<std::ptrdiff_t>(end - begin)));
    WorkerPool::Job job = [self = shared_from_this(), share = std::move(share)](bool run) mutable {
      const Turn turn;
      for (Read& read : share) {
        if (run) {
          read.done(self->on_worker_(*read.request));
        } else {
          CountRefused("workers");
          read.done(absl::UnavailableError("too many reads are waiting"));
        }
      }
    };
    if (!workers_->Submit(job)) job(false);
  }
}

}  // namespace openefs::metadata
