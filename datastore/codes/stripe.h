// How a blob is cut into fragments. Data fragment i holds the bytes [i * F, (i + 1) * F) of the
// blob, F being ceil(length / k) rounded up to kFragmentAlign; the last ones may be short or empty.
// Data fragments are stored without padding and count as followed by zeros when parity is made;
// parity fragments are F bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/buffer.h"
#include "datastore/codes/code_table.h"

namespace openefs::datastore {

inline constexpr uint32_t kFragmentAlign = 64;  // a cache line: whole vector steps for the coder

// The largest blob the format allows: what background merging may make of many small ones.
inline constexpr uint32_t kMaxBlobBytes = 8u << 20;

struct Stripe {
  const CodeSpec* spec;
  uint32_t blob_length;
  uint32_t fragment_bytes;  // F

  Stripe(const CodeSpec& code, uint32_t length) : spec(&code), blob_length(length) {
    const auto k = static_cast<uint32_t>(code.k);
    const uint32_t exact = length / k + (length % k != 0 ? 1 : 0);
    fragment_bytes = (exact + kFragmentAlign - 1) / kFragmentAlign * kFragmentAlign;
  }

  uint32_t BeginOf(int data_fragment) const {
    const uint64_t begin = uint64_t{fragment_bytes} * static_cast<uint32_t>(data_fragment);
    return static_cast<uint32_t>(std::min<uint64_t>(begin, blob_length));
  }
  // Stored bytes of fragment i.
  uint32_t LengthOf(int i) const {
    return i < spec->k ? BeginOf(i + 1) - BeginOf(i) : fragment_bytes;
  }
};

// [offset, offset + length) of a list, shared, not copied. What is beyond the end is left out.
BufferList SliceList(const BufferList& list, size_t offset, size_t length);

// All n fragments of a blob, 1 to kMaxBlobBytes long. Data fragments are slices of `bytes`.
std::vector<BufferList> EncodeBlob(const CodeSpec& spec, const BufferList& bytes);

// The same columns of the fragments in `wanted` (bit i: fragment i), in index order, each `length`
// bytes, from those of exactly k others. columns[i] belongs to the i-th of `sources` and may be
// short where the fragment is: zeros follow.
std::vector<Buffer> RebuildColumns(const CodeSpec& spec, uint32_t sources,
                                   const std::vector<BufferList>& columns, uint32_t wanted,
                                   size_t length);

}  // namespace openefs::datastore
