// XDR written down by hand: what tests feed to operations and what they expect of them.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

#include "common/buffer.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4::testing {

// "0000 0001 ff" -> bytes; blanks are for the reader.
inline std::string Hex(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 4 == 0) text.push_back(' ');
    text.push_back(kDigits[static_cast<unsigned char>(bytes[i]) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(bytes[i]) & 15]);
  }
  return text;
}

inline std::string Flatten(const BufferList& list) {
  std::string bytes;
  for (const Buffer& piece : list) bytes.append(piece.view());
  return bytes;
}

// Arguments, field by field. Independent of xdr::Writer on purpose.
class Wire {
 public:
  Wire& U32(uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<char>(value >> shift));
    return *this;
  }
  Wire& U64(uint64_t value) {
    return U32(static_cast<uint32_t>(value >> 32)).U32(static_cast<uint32_t>(value));
  }
  Wire& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  Wire& Opaque(std::string_view bytes) {
    U32(static_cast<uint32_t>(bytes.size())).Raw(bytes);
    bytes_.resize((bytes_.size() + 3) / 4 * 4);
    return *this;
  }
  // seqid and twelve times the same byte.
  Wire& Stateid(uint32_t seqid, char fill) { return U32(seqid).Raw(std::string(12, fill)); }
  // An fattr4: a bitmap of up to three words and the values.
  Wire& Attributes(std::initializer_list<uint32_t> words, std::string_view values) {
    U32(static_cast<uint32_t>(words.size()));
    for (uint32_t word : words) U32(word);
    return Opaque(values);
  }

  const std::string& bytes() const { return bytes_; }
  operator std::string() const { return bytes_; }  // NOLINT: reads well in tests

 private:
  std::string bytes_;
};

}  // namespace openefs::nfs4::testing
