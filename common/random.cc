#include "common/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/check.h"

namespace openefs {

void SystemRandom::Fill(void* out, size_t size) {
  char* at = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    OPENEFS_CHECK(got > 0);  // cannot fail once the kernel has booted
    at += got;
    size -= static_cast<size_t>(got);
  }
}

SystemRandom* SystemRandom::Get() {
  static SystemRandom random;
  return &random;
}

void SeededRandom::Fill(void* out, size_t size) {
  char* at = static_cast<char*>(out);
  while (size > 0) {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t word = state_;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    const size_t step = std::min(size, sizeof word);
    std::memcpy(at, &word, step);
    at += step;
    size -= step;
  }
}

}  // namespace openefs
