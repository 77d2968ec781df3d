// Record marking (RFC 5531 section 11): finds records in a byte stream. Pure: bytes in, records
// out.
//
// Small records are slices of the chunk they were received in. A larger one gets a buffer of its
// own, into which the rest of it is received directly: of a WRITE's data at most the first
// kChunkBytes are ever copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "common/buffer.h"

namespace openefs::rpc {

class RecordAssembler {
 public:
  static constexpr size_t kChunkBytes = 16 << 10;
  // Of one record. Clients send one; some send a header and data apart. A flood of tiny ones is an
  // attack on the processor.
  static constexpr uint32_t kMaxFragments = 256;

  // Records of more than `max_record_bytes` fail.
  explicit RecordAssembler(uint32_t max_record_bytes) : max_record_bytes_(max_record_bytes) {}

  // Where the next bytes go; never empty.
  std::span<char> Space();
  // That many bytes were put there.
  void Received(size_t bytes);

  // The next whole record, if there is one. Call until there is none before asking for Space.
  std::optional<Buffer> Next();

  // What was found in the stream is nothing to go on from.
  void Fail() { failed_ = true; }

  // The stream makes no sense any more: an empty or too large record, too many fragments.
  bool failed() const { return failed_; }

  // Whether a record has begun that is not complete.
  bool in_record() const { return record_ != nullptr || fragments_ > 0 || unread() > 0; }

  // Size of the buffer of a large record that is not complete; 0 without one.
  size_t held_bytes() const { return record_ == nullptr ? 0 : record_->size(); }

  // Gives memory back if nothing is in it.
  void ReleaseIfIdle();

 private:
  size_t unread() const { return chunk_end_ - chunk_begin_; }
  bool BeginFragment();
  bool FillFragment();
  void Reserve(size_t bytes);
  Buffer TakeFromChunk(size_t bytes);
  Buffer TakeRecord();

  const uint32_t max_record_bytes_;

  // [chunk_begin_, chunk_end_) of the chunk is received, but in no record yet.
  std::shared_ptr<char[]> chunk_;
  size_t chunk_begin_ = 0;
  size_t chunk_end_ = 0;

  // A record that is not simply a slice of the chunk.
  std::unique_ptr<MutableBuffer> record_;
  size_t record_bytes_ = 0;    // of it that are there
  size_t fragment_bytes_ = 0;  // still missing in the current fragment
  bool last_fragment_ = false;
  uint32_t fragments_ = 0;

  bool failed_ = false;
};

}  // namespace openefs::rpc
