#include "datastore/codes/stripe.h"

#include <bit>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "datastore/codes/reed_solomon.h"

namespace openefs::datastore {
namespace {

// More pieces than this cost more in small coder calls than one copy does.
constexpr size_t kMaxPieces = 1024;

// What a data fragment is short of F, at most: k fragments of F are at most this longer than the
// blob, because F is ceil(length / k) rounded up.
constexpr size_t kMaxPadding = size_t{kMaxDataFragments} * (kFragmentAlign + 1);
alignas(64) constexpr char kZeros[kMaxPadding] = {};

// Walks the pieces of one data fragment column by column.
class ColumnCursor {
 public:
  explicit ColumnCursor(const BufferList* pieces) : pieces_(pieces) { SkipEmpty(); }

  // How many columns from here on lie in one piece; past the end, in the zeros.
  size_t Contiguous() const {
    return piece_ < pieces_->size() ? (*pieces_)[piece_].size() - offset_ : kMaxPadding;
  }
  const char* data() const {
    return piece_ < pieces_->size() ? (*pieces_)[piece_].data() + offset_ : kZeros;
  }
  void Advance(size_t columns) {
    if (piece_ == pieces_->size()) return;
    offset_ += columns;
    SkipEmpty();
  }

 private:
  void SkipEmpty() {
    while (piece_ < pieces_->size() && offset_ == (*pieces_)[piece_].size()) {
      ++piece_;
      offset_ = 0;
    }
  }

  const BufferList* pieces_;
  size_t piece_ = 0;
  size_t offset_ = 0;
};

// Calls code(sources, column, step) for steps over which every list is contiguous, so that nothing
// has to be copied.
template <typename Code>
void ForEachStep(const std::vector<BufferList>& lists, size_t length, Code code) {
  std::vector<ColumnCursor> cursors;
  for (const BufferList& list : lists) cursors.emplace_back(&list);
  for (size_t column = 0; column < length;) {
    size_t step = length - column;
    const char* sources[kMaxDataFragments];
    for (size_t i = 0; i < cursors.size(); ++i) {
      step = std::min(step, cursors[i].Contiguous());
      sources[i] = cursors[i].data();
    }
    code(sources, column, step);
    for (ColumnCursor& cursor : cursors) cursor.Advance(step);
    column += step;
  }
}

// Where the coder writes: one buffer per target.
class Targets {
 public:
  Targets(int count, size_t length) {
    for (int i = 0; i < count; ++i) buffers_.emplace_back(length);
  }
  char* const* At(size_t column) {
    for (size_t i = 0; i < buffers_.size(); ++i) pointers_[i] = buffers_[i].data() + column;
    return pointers_;
  }
  std::vector<Buffer> Freeze() && {
    std::vector<Buffer> frozen;
    for (MutableBuffer& buffer : buffers_) frozen.push_back(std::move(buffer).Freeze());
    return frozen;
  }

 private:
  std::vector<MutableBuffer> buffers_;
  char* pointers_[kMaxFragments];
};

BufferList Joined(const BufferList& list) {
  MutableBuffer whole(TotalBytes(list));
  char* out = whole.data();
  for (const Buffer& piece : list) {
    std::memcpy(out, piece.data(), piece.size());
    out += piece.size();
  }
  return {std::move(whole).Freeze()};
}

}  // namespace

BufferList SliceList(const BufferList& list, size_t offset, size_t length) {
  BufferList slice;
  for (const Buffer& piece : list) {
    if (length == 0) break;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    slice.push_back(piece.Slice(offset, length));
    length -= slice.back().size();
    offset = 0;
  }
  return slice;
}

std::vector<BufferList> EncodeBlob(const CodeSpec& spec, const BufferList& bytes) {
  if (bytes.size() > kMaxPieces) return EncodeBlob(spec, Joined(bytes));
  const size_t total = TotalBytes(bytes);
  OPENEFS_CHECK(total >= 1 && total <= kMaxBlobBytes);
  const Stripe stripe(spec, static_cast<uint32_t>(total));
  std::vector<BufferList> fragments;
  for (int i = 0; i < spec.k; ++i) {
    fragments.push_back(SliceList(bytes, stripe.BeginOf(i), stripe.LengthOf(i)));
  }
  const ReedSolomon& coder = ReedSolomon::Of(spec);
  Targets parity(spec.m, stripe.fragment_bytes);
  ForEachStep(fragments, stripe.fragment_bytes,
              [&](const char* const* sources, size_t column, size_t step) {
                coder.Encode(sources, parity.At(column), step);
              });
  for (Buffer& buffer : std::move(parity).Freeze()) fragments.push_back({std::move(buffer)});
  return fragments;
}

std::vector<Buffer> RebuildColumns(const CodeSpec& spec, uint32_t sources,
                                   const std::vector<BufferList>& columns, uint32_t wanted,
                                   size_t length) {
  OPENEFS_CHECK(columns.size() == static_cast<size_t>(spec.k));
  const ReedSolomon& coder = ReedSolomon::Of(spec);
  Targets targets(std::popcount(wanted), length);
  ForEachStep(columns, length, [&](const char* const* from, size_t column, size_t step) {
    coder.Rebuild(sources, from, wanted, targets.At(column), step);
  });
  return std::move(targets).Freeze();
}

}  // namespace openefs::datastore
