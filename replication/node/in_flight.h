// What a node has taken on and not answered yet. A Ticket goes with each proposal and gives its
// share back when the proposal is gone, whichever way it went.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace openefs::replication {

class InFlight {
 public:
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), bytes_(other.bytes_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Ticket() {
      if (owner_ == nullptr) return;
      owner_->bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
      owner_->count_.fetch_sub(1, std::memory_order_relaxed);
    }
    bool held() const { return owner_ != nullptr; }

   private:
    friend class InFlight;
    Ticket(InFlight* owner, size_t bytes) : owner_(owner), bytes_(bytes) {}
    InFlight* owner_ = nullptr;
    size_t bytes_ = 0;
  };

  InFlight(size_t max_count, size_t max_bytes) : max_count_(max_count), max_bytes_(max_bytes) {}

  // Any thread. A ticket that is not held: beyond a limit. A lone proposal is never beyond.
  Ticket Take(size_t bytes) {
    const size_t count = count_.fetch_add(1, std::memory_order_relaxed);
    const size_t before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
    Ticket ticket(this, bytes);
    if (count >= max_count_ || (count > 0 && before + bytes > max_bytes_)) return Ticket();
    return ticket;
  }

 private:
  const size_t max_count_;
  const size_t max_bytes_;
  std::atomic<size_t> count_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace openefs::replication
