// Reed-Solomon over GF(2^8) on ISA-L: parity from data, and any fragment from any k others. Works
// on columns: byte i of every fragment depends only on byte i of k others, so a range of a fragment
// is rebuilt from the same range of others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "datastore/codes/code_table.h"

namespace openefs::datastore {

class ReedSolomon {
 public:
  // The coder of a code in the table; lives until the process ends. Any thread.
  static const ReedSolomon& Of(const CodeSpec& spec);

  const CodeSpec& spec() const { return spec_; }

  // parity[j][0, length) from data[i][0, length): k sources, m targets. Any thread.
  void Encode(const char* const* data, char* const* parity, size_t length) const;

  // Rebuilds the fragments of `wanted` (in index order, one target each) from exactly the k
  // fragments of `sources` (in index order). The masks have bit i for fragment i. Any thread.
  void Rebuild(uint32_t sources, const char* const* source_bytes, uint32_t wanted,
               char* const* targets, size_t length) const;

  ReedSolomon(const ReedSolomon&) = delete;
  ReedSolomon& operator=(const ReedSolomon&) = delete;

 private:
  static constexpr int kTableBytes = 32;  // ISA-L's, per coefficient
  // Multiplication tables of one row: how a fragment is made from the k sources.
  struct Row {
    unsigned char tables[kMaxDataFragments * kTableBytes];
  };
  // Rows of all n fragments, for one set of sources.
  struct Rows {
    Row of[kMaxFragments];
  };

  explicit ReedSolomon(const CodeSpec& spec);
  const Rows& RowsFor(uint32_t sources) const;
  Rows* MakeRows(uint32_t sources) const;
  void Apply(const Rows& rows, uint32_t wanted, const char* const* sources, char* const* targets,
             size_t length) const;

  const CodeSpec spec_;
  unsigned char
      matrix_[kMaxFragments * kMaxDataFragments];  // n rows of k; the first k are identity
  // One entry per set of sources, filled when it is first needed: at most 126 sets of 1.4 KiB.
  mutable std::atomic<const Rows*> cache_[1u << kMaxFragments]{};
};

}  // namespace openefs::datastore
