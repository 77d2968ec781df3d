// Cheap, repeatable pseudo-random numbers (splitmix64) for choosing files, offsets and times: the
// same seed gives the same load. Nothing secret depends on them.
#pragma once

#include <cstdint>

namespace openefs::bench {

constexpr uint64_t Mix64(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

constexpr uint64_t NextRandom(uint64_t* state) { return Mix64(*state += 0x9e3779b97f4a7c15u); }

// Below `bound`, which is not 0. The bias of the modulus is below 2^-32 for all that is counted
// here.
constexpr uint64_t RandomBelow(uint64_t* state, uint64_t bound) {
  return NextRandom(state) % bound;
}

}  // namespace openefs::bench
