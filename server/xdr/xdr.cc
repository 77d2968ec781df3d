#include "server/xdr/xdr.h"

#include <bit>
#include <cstring>
#include <limits>

#include "common/check.h"

namespace openefs::xdr {
namespace {

constexpr char kZeros[4] = {0, 0, 0, 0};

constexpr size_t PaddingOf(size_t bytes) { return (4 - bytes % 4) % 4; }

uint32_t LoadU32(const char* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  return value;
}

void StoreU32(uint32_t value, char* to) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace

const char* Reader::Take(size_t bytes) {
  if (!ok_ || bytes > remaining()) {
    ok_ = false;
    return nullptr;
  }
  const char* at = record_.data() + position_;
  position_ += bytes;
  return at;
}

uint32_t Reader::U32() {
  const char* at = Take(4);
  return at == nullptr ? 0 : LoadU32(at);
}

uint64_t Reader::U64() {
  const char* at = Take(8);
  if (at == nullptr) return 0;
  return static_cast<uint64_t>(LoadU32(at)) << 32 | LoadU32(at + 4);
}

bool Reader::Bool() {
  const uint32_t value = U32();
  if (value > 1) ok_ = false;
  return ok_ && value == 1;
}

std::string_view Reader::FixedOpaque(uint32_t bytes) {
  // The padding's value is not checked: RFC 4506 4.9 says zero, but nothing depends on it.
  const char* at = Take(bytes + PaddingOf(bytes));
  if (at == nullptr) return {};
  return {at, bytes};
}

std::string_view Reader::Opaque(uint32_t max_bytes) {
  const uint32_t bytes = U32();
  if (bytes > max_bytes || bytes > remaining()) {
    ok_ = false;
    return {};
  }
  return FixedOpaque(bytes);
}

Buffer Reader::OpaqueBuffer(uint32_t max_bytes) {
  const std::string_view bytes = Opaque(max_bytes);
  if (!ok_ || bytes.empty()) return {};
  return record_.Slice(static_cast<size_t>(bytes.data() - record_.data()), bytes.size());
}

uint32_t Reader::ArrayLength(uint32_t max_elements, uint32_t min_element_bytes) {
  const uint32_t length = U32();
  const uint64_t least = static_cast<uint64_t>(length) * min_element_bytes;
  if (!ok_ || length > max_elements || least > remaining()) {
    ok_ = false;
    return 0;
  }
  return length;
}

void Writer::U32(uint32_t value) {
  char bytes[4];
  StoreU32(value, bytes);
  Append({bytes, sizeof bytes});
}

void Writer::U64(uint64_t value) {
  char bytes[8];
  StoreU32(static_cast<uint32_t>(value >> 32), bytes);
  StoreU32(static_cast<uint32_t>(value), bytes + 4);
  Append({bytes, sizeof bytes});
}

void Writer::Append(std::string_view bytes) {
  pieces_.back().bytes.append(bytes);
  size_ += bytes.size();
}

void Writer::FixedOpaque(std::string_view bytes) {
  Append(bytes);
  Append({kZeros, PaddingOf(bytes.size())});
}

void Writer::Opaque(std::string_view bytes) {
  OPENEFS_CHECK(bytes.size() <= std::numeric_limits<uint32_t>::max());
  U32(static_cast<uint32_t>(bytes.size()));
  FixedOpaque(bytes);
}

void Writer::OpaqueBuffers(BufferList references) {
  const size_t total = TotalBytes(references);
  OPENEFS_CHECK(total <= std::numeric_limits<uint32_t>::max());
  U32(static_cast<uint32_t>(total));
  pieces_.back().references = std::move(references);
  pieces_.emplace_back();
  size_ += total;
  Append({kZeros, PaddingOf(total)});
}

size_t Writer::ReserveU32() {
  const size_t position = size_;
  U32(0);
  return position;
}

void Writer::PatchU32(size_t position, uint32_t value) {
  for (Piece& piece : pieces_) {
    if (position < piece.bytes.size()) {
      OPENEFS_CHECK(position + 4 <= piece.bytes.size());
      StoreU32(value, piece.bytes.data() + position);
      return;
    }
    const size_t whole = piece.bytes.size() + TotalBytes(piece.references);
    OPENEFS_CHECK(position >= whole);
    position -= whole;
  }
  OPENEFS_CHECK(false);  // beyond what was written
}

void Writer::Truncate(size_t size) {
  OPENEFS_CHECK(size <= size_);
  while (size < size_) {
    Piece& last = pieces_.back();
    const size_t before = size_ - last.bytes.size();  // the last piece never has references
    if (size >= before) {
      last.bytes.resize(size - before);
      size_ = size;
      return;
    }
    pieces_.pop_back();
    size_ = before - TotalBytes(pieces_.back().references);
    // A cut inside referenced bytes would leave half an opaque: nobody means that.
    OPENEFS_CHECK(size <= size_);
    pieces_.back().references.clear();
  }
}

BufferList Writer::Finish() {
  BufferList out;
  for (Piece& piece : pieces_) {
    if (!piece.bytes.empty()) out.push_back(Buffer::FromString(std::move(piece.bytes)));
    for (Buffer& reference : piece.references) {
      if (!reference.empty()) out.push_back(std::move(reference));
    }
  }
  pieces_.assign(1, {});
  size_ = 0;
  return out;
}

}  // namespace openefs::xdr
