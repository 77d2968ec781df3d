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

}  // namespace

uint64_t ExtendStateHash(uint64_t hash, uint64_t index, const Transaction& txn, size_t mark) {
  hash = Extend(hash, index);
  txn.VisitChangesSince(mark, [&hash](absl::string_view key, const auto& value) {
    // Both lengths in front, so that no two lists of changes read the same. A deletion differs
    // from every value by its length.
    const uint64_t value_bytes = value.has_value() ? value->size() + 1 : 0;
    hash = Extend(hash, static_cast<uint64_t>(key.size()) << 32 | value_bytes);
    hash = Extend(hash, key);
    if (value.has_value()) hash = Extend(hash, absl::string_view(*value));
  });
  return hash;
}

}  // namespace openefs::metadata
