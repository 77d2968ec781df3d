#include "common/turn.h"

#include <algorithm>

namespace openefs {
namespace {

thread_local Turn* current = nullptr;

}  // namespace

Turn::Turn(Thread thread) : thread_(thread), outermost_(current == nullptr) {
  if (outermost_) current = this;
}

Turn::~Turn() {
  if (!outermost_) return;
  while (ended_ < deferred_.size()) {
    const std::shared_ptr<Deferred> next = deferred_[ended_++];  // the vector may grow
    next->OnTurnEnd();
  }
  current = nullptr;
}

bool Turn::Defer(const std::shared_ptr<Deferred>& what) {
  if (current == nullptr) return false;
  auto& deferred = current->deferred_;
  const auto left = deferred.begin() + static_cast<std::ptrdiff_t>(current->ended_);
  if (std::find(left, deferred.end(), what) != deferred.end()) return true;
  if (deferred.size() >= kMaxDeferred) return false;
  deferred.push_back(what);
  return true;
}

bool Turn::ThreadIsLent() { return current != nullptr && current->thread_ == Thread::kLent; }

}  // namespace openefs
