#include "datastore/client/operation.h"

#include <utility>
#include <vector>

#include "common/timers.h"

namespace openefs::datastore {

std::shared_ptr<const Placement> ClientContext::placement() const {
  MutexLock lock(mu_);
  return placement_;
}

void ClientContext::SetPlacement(std::shared_ptr<const Placement> placement) {
  {
    MutexLock lock(mu_);
    placement_ = std::move(placement);
  }
  WakeAll();
}

void ClientContext::Begin(const std::shared_ptr<Operation>& operation) {
  MutexLock lock(mu_);
  running_.emplace(operation.get(), operation);
}

void ClientContext::End(Operation* operation) {
  std::shared_ptr<Operation> last;  // goes after the lock
  MutexLock lock(mu_);
  const auto it = running_.find(operation);
  if (it == running_.end()) return;
  last = std::move(it->second);
  running_.erase(it);
  if (running_.empty()) ended_.SignalAll();
}

void ClientContext::WakeAfter(int64_t ms, const std::shared_ptr<Operation>& operation) {
  Timers::Get().RunAfter(ms, [weak = std::weak_ptr<Operation>(operation)] {
    if (const std::shared_ptr<Operation> alive = weak.lock()) alive->Wake();
  });
}

bool ClientContext::stopping() const {
  MutexLock lock(mu_);
  return stopping_;
}

bool ClientContext::BeginExtra() {
  MutexLock lock(mu_);
  if (stopping_ || extra_ == kMaxExtra) return false;
  ++extra_;
  return true;
}

void ClientContext::EndExtra() {
  MutexLock lock(mu_);
  --extra_;
}

void ClientContext::StopAndWait() {
  // With the last map go the connections to its nodes, and with those the calls that hang.
  auto last = std::make_shared<const Placement>();
  {
    MutexLock lock(mu_);
    stopping_ = true;
    placement_.swap(last);
  }
  last.reset();
  WakeAll();
  MutexLock lock(mu_);
  while (!running_.empty()) ended_.Wait(mu_);
}

void ClientContext::WakeAll() {
  std::vector<std::shared_ptr<Operation>> all;
  {
    MutexLock lock(mu_);
    for (const auto& [key, operation] : running_) all.push_back(operation);
  }
  for (const std::shared_ptr<Operation>& operation : all) operation->Wake();
}

}  // namespace openefs::datastore
