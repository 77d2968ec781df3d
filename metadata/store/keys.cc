#include "metadata/store/keys.h"

#include "common/check.h"

namespace openefs::metadata {

uint64_t KeyReader::BigEndian(size_t bytes) {
  OPENEFS_CHECK(rest_.size() >= bytes);
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(rest_[i]);
  rest_.remove_prefix(bytes);
  return value;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix.data(), prefix.size());
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  OPENEFS_CHECK(!end.empty());
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

std::string EncodeU64(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value);
  return bytes;
}

uint64_t DecodeU64(absl::string_view value) {
  OPENEFS_CHECK(value.size() == 8);
  return KeyReader(value).U64();
}

}  // namespace openefs::metadata
