#include "metadata/store/state_hash.h"

#include <isa-l/crc64.h>

#include <array>

namespace openefs::metadata {
namespace {

uint64_t Extend(uint64_t hash, absl::string_view bytes) {
  return crc64_ecma_refl(hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// Little-endian, whatever the machine.
uint64_t Extend(uint64_t hash, uint64_t number) {
  std::array<char, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  return Extend(hash, absl::string_view(bytes.data(), bytes.size()));
}

// Every bit of the result depends on all of them: sums of what a CRC gives would let two changes
// that are exchanged for each other pass.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t HashOfChange(absl::string_view key, const std::optional<std::string>& value) {
  // Both lengths in front, so that no two changes read the same. A deletion differs from every
  // value by its length.
  const uint64_t value_bytes = value.has_value() ? value->size() + 1 : 0;
  uint64_t hash = Extend(0, static_cast<uint64_t>(key.size()) << 32 | value_bytes);
  hash = Extend(hash, key);
  if (value.has_value()) hash = Extend(hash, absl::string_view(*value));
  return Mix(hash);
}

}  // namespace

uint64_t ExtendStateHash(uint64_t hash, uint64_t index, const Transaction& txn, size_t mark) {
  uint64_t sum = 0;  // whatever the order of the changes
  txn.VisitChangesSince(
      mark, [&sum](absl::string_view key, const auto& value) { sum += HashOfChange(key, value); });
  return Extend(Extend(hash, index), sum);
}

}  // namespace openefs::metadata
