#include "replication/node/applier_pool.h"

#include "replication/node/applier.h"

namespace openefs::replication {

void ApplierPool::Start() {
  for (size_t i = 0; i < size_; ++i) threads_.emplace_back([this] { Run(); });
}

void ApplierPool::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.SignalAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ApplierPool::Schedule(Applier* applier) {
  bool wake;
  {
    MutexLock lock(mu_);
    line_.push_back(applier);
    wake = sleeping_ > 0;
  }
  if (wake) work_.Signal();
}

Applier* ApplierPool::Take() {
  MutexLock lock(mu_);
  while (line_.empty() && !stop_) {
    ++sleeping_;
    work_.Wait(mu_);
    --sleeping_;
  }
  if (stop_) return nullptr;
  Applier* applier = line_.front();
  line_.pop_front();
  return applier;
}

void ApplierPool::Run() {
  while (Applier* applier = Take()) {
    if (applier->RunQueued()) Schedule(applier);
  }
}

}  // namespace openefs::replication
