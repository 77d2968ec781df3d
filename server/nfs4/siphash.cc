#include "server/nfs4/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace openefs::nfs4 {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie in memory");

uint64_t LoadUpTo8(const char* bytes, size_t count) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word;
}

struct State {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void Absorb(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

}  // namespace

SipHashKey MakeSipHashKey(std::string_view bytes) {
  char padded[16] = {};
  std::memcpy(padded, bytes.data(), bytes.size() < sizeof(padded) ? bytes.size() : sizeof(padded));
  return {LoadUpTo8(padded, 8), LoadUpTo8(padded + 8, 8)};
}

uint64_t SipHash24(const SipHashKey& key, std::string_view message) {
  State state{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
              key[1] ^ 0x7465646279746573};
  const size_t whole = message.size() & ~size_t{7};
  for (size_t at = 0; at < whole; at += 8) state.Absorb(LoadUpTo8(message.data() + at, 8));
  const uint64_t last = LoadUpTo8(message.data() + whole, message.size() - whole);
  state.Absorb(last | static_cast<uint64_t>(message.size()) << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace openefs::nfs4
