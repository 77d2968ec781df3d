#include "server/rpc/record_assembler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/check.h"

namespace openefs::rpc {
namespace {

constexpr uint32_t kLastFragmentBit = 0x80000000;
constexpr size_t kMarkBytes = 4;

// Less free space at the end of a chunk is not worth a system call.
constexpr size_t kMinReceiveBytes = 2 << 10;

uint32_t LoadMark(const char* from) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 |
         uint32_t{bytes[3]};
}

}  // namespace

std::span<char> RecordAssembler::Space() {
  if (fragment_bytes_ > 0) return {record_->data() + record_bytes_, fragment_bytes_};
  // A chunk is filled once and never reused: slices of it may be in other threads' hands.
  if (chunk_ == nullptr || kChunkBytes - chunk_end_ < kMinReceiveBytes) {
    // What is left is less than a record mark, or it would have been taken.
    std::shared_ptr<char[]> next(new char[kChunkBytes]);
    const size_t left = unread();
    if (left > 0) std::memcpy(next.get(), chunk_.get() + chunk_begin_, left);
    chunk_ = std::move(next);
    chunk_begin_ = 0;
    chunk_end_ = left;
  }
  return {chunk_.get() + chunk_end_, kChunkBytes - chunk_end_};
}

void RecordAssembler::Received(size_t bytes) {
  if (fragment_bytes_ > 0) {
    OPENEFS_CHECK(bytes <= fragment_bytes_);
    record_bytes_ += bytes;
    fragment_bytes_ -= bytes;
  } else {
    OPENEFS_CHECK(bytes <= kChunkBytes - chunk_end_);
    chunk_end_ += bytes;
  }
}

std::optional<Buffer> RecordAssembler::Next() {
  while (!failed_) {
    if (record_ != nullptr) {
      if (!FillFragment()) return std::nullopt;
      if (last_fragment_) return TakeRecord();
    }
    if (unread() < kMarkBytes || !BeginFragment()) return std::nullopt;
    const bool whole_in_chunk = last_fragment_ && record_ == nullptr;
    if (whole_in_chunk && fragment_bytes_ <= unread()) return TakeFromChunk(fragment_bytes_);
    Reserve(record_bytes_ + fragment_bytes_);
  }
  return std::nullopt;
}

bool RecordAssembler::BeginFragment() {
  const uint32_t mark = LoadMark(chunk_.get() + chunk_begin_);
  chunk_begin_ += kMarkBytes;
  fragment_bytes_ = mark & ~kLastFragmentBit;
  last_fragment_ = (mark & kLastFragmentBit) != 0;
  ++fragments_;
  const bool empty = last_fragment_ && record_bytes_ + fragment_bytes_ == 0;
  failed_ =
      empty || fragments_ > kMaxFragments || fragment_bytes_ > max_record_bytes_ - record_bytes_;
  if (failed_) fragment_bytes_ = 0;
  return !failed_;
}

// Moves what the chunk has of the current fragment. True when the fragment is complete.
bool RecordAssembler::FillFragment() {
  const size_t here = std::min(fragment_bytes_, unread());
  if (here > 0) std::memcpy(record_->data() + record_bytes_, chunk_.get() + chunk_begin_, here);
  chunk_begin_ += here;
  record_bytes_ += here;
  fragment_bytes_ -= here;
  return fragment_bytes_ == 0;
}

// Room for `bytes` in all. More than asked for if more fragments are to come, so that many small
// ones do not copy the record each time.
void RecordAssembler::Reserve(size_t bytes) {
  if (record_ != nullptr && record_->size() >= bytes) return;
  const size_t wanted = last_fragment_ ? bytes : std::max(2 * bytes, kChunkBytes);
  auto larger =
      std::make_unique<MutableBuffer>(std::max(bytes, std::min<size_t>(wanted, max_record_bytes_)));
  if (record_bytes_ > 0) std::memcpy(larger->data(), record_->data(), record_bytes_);
  record_ = std::move(larger);
}

Buffer RecordAssembler::TakeFromChunk(size_t bytes) {
  Buffer record(chunk_, chunk_.get() + chunk_begin_, bytes);
  chunk_begin_ += bytes;
  fragment_bytes_ = 0;
  fragments_ = 0;
  return record;
}

Buffer RecordAssembler::TakeRecord() {
  const size_t bytes = std::exchange(record_bytes_, 0);
  fragments_ = 0;
  return std::move(*std::exchange(record_, nullptr)).Freeze().Slice(0, bytes);
}

void RecordAssembler::ReleaseIfIdle() {
  if (unread() == 0) {
    chunk_ = nullptr;
    chunk_begin_ = chunk_end_ = 0;
  }
}

}  // namespace openefs::rpc
