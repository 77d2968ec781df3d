// Bounds the bytes of writes that are under way; the others wait their turn, up to a bound as well.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/functional/any_invocable.h"
#include "common/mutex.h"

namespace openefs::datastore {

// Any thread.
class Admission {
 public:
  enum class Verdict { kGo, kWait, kRefused };

  Admission(uint64_t max_bytes, uint64_t max_waiting_bytes)
      : max_bytes_(max_bytes), max_waiting_bytes_(max_waiting_bytes) {}

  // kGo: `bytes` are charged until Leave. kWait: they will be, and `go` is called then, by whoever
  // leaves. Neither if refused.
  Verdict Enter(uint64_t bytes, absl::AnyInvocable<void()> go);
  void Leave(uint64_t bytes);

 private:
  struct Waiting {
    uint64_t bytes;
    absl::AnyInvocable<void()> go;
  };
  bool Fits(uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return inside_bytes_ == 0 || inside_bytes_ + bytes <= max_bytes_;
  }

  const uint64_t max_bytes_;
  const uint64_t max_waiting_bytes_;
  Mutex mu_;
  uint64_t inside_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::datastore
