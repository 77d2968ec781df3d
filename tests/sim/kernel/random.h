// All chance of a run comes from here, and so from its seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/random.h"

namespace openefs::sim {

// One round of splitmix64 (Steele, Lea and Flood 2014): a good mix of 64 bits.
constexpr uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The same in every process, unlike absl's: it goes into the hash of a run.
inline uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0) {
  uint64_t hash = Mix(seed ^ bytes.size());
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = Mix(hash ^ word);
    bytes.remove_prefix(8);
  }
  uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return Mix(hash ^ rest);
}

class SimRandom final : public RandomSource {
 public:
  explicit SimRandom(uint64_t seed) : state_(Mix(seed)) {}

  void Fill(void* out, size_t size) override {
    auto* bytes = static_cast<char*>(out);
    while (size > 0) {
      const uint64_t value = Next();
      const size_t part = size < 8 ? size : 8;
      std::memcpy(bytes, &value, part);
      bytes += part;
      size -= part;
    }
  }

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }
  uint64_t Below(uint64_t limit) { return Next() % limit; }  // limit > 0
  int64_t Between(int64_t low, int64_t high) {               // both included
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low + 1)));
  }
  bool Chance(int64_t permille) { return static_cast<int64_t>(Below(1000)) < permille; }
  // Waiting time of what happens by chance every `mean` on average; at least 1.
  int64_t Exponential(int64_t mean) {
    const double uniform = static_cast<double>((Next() >> 11) + 1) * 0x1p-53;
    return 1 + static_cast<int64_t>(-std::log(uniform) * static_cast<double>(mean));
  }

 private:
  uint64_t state_;
};

}  // namespace openefs::sim
