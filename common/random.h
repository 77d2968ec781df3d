// Randomness as a parameter: production code takes a RandomSource, tests own one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace openefs {

class RandomSource {
 public:
  virtual ~RandomSource() = default;

  // Fills [out, out + size). Any thread.
  virtual void Fill(void* out, size_t size) = 0;

  uint64_t Next64() {
    uint64_t value;
    Fill(&value, sizeof value);
    return value;
  }
  // `size` raw bytes: ids, keys.
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    Fill(bytes.data(), size);
    return bytes;
  }
};

// The kernel's generator (getrandom): unpredictable, good for keys and ids.
class SystemRandom final : public RandomSource {
 public:
  void Fill(void* out, size_t size) override;
  static SystemRandom* Get();
};

// The same sequence for the same seed (splitmix64). For tests and simulation only; one thread.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(void* out, size_t size) override;

 private:
  uint64_t state_;
};

}  // namespace openefs
