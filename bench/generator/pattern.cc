#include "bench/generator/pattern.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bench/generator/mix64.h"

namespace openefs::bench {
namespace {

// A prime: a block at a wrong offset, or of another file, does not look right by a common divisor.
constexpr uint64_t kPeriod = 2'097'143;

const Buffer& Period() {
  static const auto* period = [] {
    std::string bytes(kPeriod, '\0');
    uint64_t state = 1;
    for (size_t at = 0; at < bytes.size(); at += 8) {
      const uint64_t word = NextRandom(&state);
      std::memcpy(bytes.data() + at, &word, std::min<size_t>(8, bytes.size() - at));
    }
    return new Buffer(Buffer::FromString(std::move(bytes)));
  }();
  return *period;
}

uint64_t PlaceOf(uint64_t seed, uint64_t offset) {
  return (Mix64(seed) % kPeriod + offset % kPeriod) % kPeriod;
}

}  // namespace

BufferList PatternBytes(uint64_t seed, uint64_t offset, uint64_t length) {
  BufferList pieces;
  uint64_t place = PlaceOf(seed, offset);
  while (length > 0) {
    const uint64_t here = std::min(length, kPeriod - place);
    pieces.push_back(Period().Slice(place, here));
    length -= here;
    place = 0;
  }
  return pieces;
}

bool IsPattern(uint64_t seed, uint64_t offset, std::string_view bytes) {
  for (const Buffer& piece : PatternBytes(seed, offset, bytes.size())) {
    if (std::memcmp(piece.data(), bytes.data(), piece.size()) != 0) return false;
    bytes.remove_prefix(piece.size());
  }
  return true;
}

}  // namespace openefs::bench
