// What ThreadSanitizer cannot see by itself: that a library which is not instrumented hands an
// object from one thread to another in good order. Nothing in other builds.
#pragma once

#ifdef OPENEFS_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace openefs {

// What this thread did until now comes before what follows an acquire of the same address.
inline void TsanRelease([[maybe_unused]] const void* address) {
#ifdef OPENEFS_TSAN
  __tsan_release(const_cast<void*>(address));
#endif
}

inline void TsanAcquire([[maybe_unused]] const void* address) {
#ifdef OPENEFS_TSAN
  __tsan_acquire(const_cast<void*>(address));
#endif
}

// Stands for the network of a process that talks to itself: what was sent comes before what is
// received.
inline constexpr char kTsanNetwork = 0;

// A callback on `address`, which comes after those before it, and after whatever was sent.
class TsanHandOver {
 public:
  explicit TsanHandOver(const void* address) : address_(address) {
    TsanAcquire(address_);
    TsanAcquire(&kTsanNetwork);
  }
  ~TsanHandOver() {
    TsanRelease(&kTsanNetwork);
    TsanRelease(address_);
  }
  TsanHandOver(const TsanHandOver&) = delete;
  TsanHandOver& operator=(const TsanHandOver&) = delete;

 private:
  const void* const address_;
};

}  // namespace openefs
