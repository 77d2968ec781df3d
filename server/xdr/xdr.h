// XDR (RFC 4506) over memory we own: bounded reads of hostile bytes, writes into one growing
// buffer, file data by reference in both directions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/buffer.h"

namespace openefs::xdr {

// Reads one record. After the first failure every further read fails too and returns a zero value,
// so a decoder may read all its fields and ask ok() once. Views and Buffers share the record's
// memory.
class Reader {
 public:
  explicit Reader(Buffer record) : record_(std::move(record)) {}

  uint32_t U32();
  uint64_t U64();
  int32_t I32() { return static_cast<int32_t>(U32()); }
  int64_t I64() { return static_cast<int64_t>(U64()); }
  bool Bool();  // anything but 0 and 1 fails

  std::string_view FixedOpaque(uint32_t bytes);
  std::string_view Opaque(uint32_t max_bytes);  // longer than max_bytes fails
  Buffer OpaqueBuffer(uint32_t max_bytes);

  // The length of a variable array whose elements take at least min_element_bytes each: one that is
  // over max_elements, or cannot fit into what is left of the record, fails and returns 0.
  uint32_t ArrayLength(uint32_t max_elements, uint32_t min_element_bytes);

  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }
  size_t remaining() const { return record_.size() - position_; }
  size_t position() const { return position_; }

 private:
  const char* Take(size_t bytes);

  Buffer record_;
  size_t position_ = 0;
  bool ok_ = true;
};

// Writes into one buffer and, for file data, keeps references to be sent beside it.
class Writer {
 public:
  void U32(uint32_t value);
  void U64(uint64_t value);
  void I32(int32_t value) { U32(static_cast<uint32_t>(value)); }
  void I64(int64_t value) { U64(static_cast<uint64_t>(value)); }
  void Bool(bool value) { U32(value ? 1 : 0); }
  void FixedOpaque(std::string_view bytes);  // padded, no length
  void Opaque(std::string_view bytes);
  void OpaqueBuffers(BufferList pieces);  // file data: not copied

  // Bytes written so far, referenced ones and padding counted.
  size_t size() const { return size_; }

  // A place to come back to: a count or length that is known later.
  size_t ReserveU32();
  void PatchU32(size_t position, uint32_t value);

  // Forgets everything written from `size` on (an operation that turned out too big).
  void Truncate(size_t size);

  // The pieces in order; the writer is empty afterwards.
  BufferList Finish();

 private:
  // Bytes of our own, then bytes of others. The last piece has none of the latter.
  struct Piece {
    std::string bytes;
    BufferList references;
  };

  void Append(std::string_view bytes);

  std::vector<Piece> pieces_{1};
  size_t size_ = 0;
};

}  // namespace openefs::xdr
