#include "datastore/codes/reed_solomon.h"

#include <isa-l/erasure_code.h>

#include <bit>
#include <cstring>
#include <memory>

#include "common/check.h"

namespace openefs::datastore {

const ReedSolomon& ReedSolomon::Of(const CodeSpec& spec) {
  static const ReedSolomon* const coders[] = {
      new ReedSolomon(kCodeTable[0]), new ReedSolomon(kCodeTable[1]),
      new ReedSolomon(kCodeTable[2]), new ReedSolomon(kCodeTable[3])};
  static_assert(std::size(kCodeTable) == std::size(coders));
  for (const ReedSolomon* coder : coders) {
    if (coder->spec_.code == spec.code) return *coder;
  }
  OPENEFS_CHECK(false && "code not in the table");
  return *coders[0];
}

ReedSolomon::ReedSolomon(const CodeSpec& spec) : spec_(spec) {
  // A Cauchy matrix: every k of its n rows are independent, for every k and m.
  gf_gen_cauchy1_matrix(matrix_, spec_.n(), spec_.k);
  // With one data fragment, parity is plain copies.
  if (spec_.k == 1) std::memset(matrix_, 1, static_cast<size_t>(spec_.n()));
}

void ReedSolomon::Encode(const char* const* data, char* const* parity, size_t length) const {
  const uint32_t data_mask = (uint32_t{1} << spec_.k) - 1;
  Apply(RowsFor(data_mask), spec_.AllMask() & ~data_mask, data, parity, length);
}

void ReedSolomon::Rebuild(uint32_t sources, const char* const* source_bytes, uint32_t wanted,
                          char* const* targets, size_t length) const {
  OPENEFS_CHECK(std::popcount(sources) == spec_.k && (sources & ~spec_.AllMask()) == 0);
  OPENEFS_CHECK((wanted & ~spec_.AllMask()) == 0);
  Apply(RowsFor(sources), wanted, source_bytes, targets, length);
}

void ReedSolomon::Apply(const Rows& rows, uint32_t wanted, const char* const* sources,
                        char* const* targets, size_t length) const {
  if (wanted == 0 || length == 0) return;
  const size_t row_bytes = static_cast<size_t>(spec_.k) * kTableBytes;
  unsigned char tables[kMaxFragments * kMaxDataFragments * kTableBytes];
  int count = 0;
  for (int i = 0; i < spec_.n(); ++i) {
    if ((wanted >> i & 1) == 0) continue;
    std::memcpy(tables + row_bytes * static_cast<size_t>(count++), rows.of[i].tables, row_bytes);
  }
  // The library takes mutable pointers; it reads the sources only.
  ec_encode_data(static_cast<int>(length), spec_.k, count, tables,
                 reinterpret_cast<unsigned char**>(const_cast<char**>(sources)),
                 reinterpret_cast<unsigned char**>(const_cast<char**>(targets)));
}

const ReedSolomon::Rows& ReedSolomon::RowsFor(uint32_t sources) const {
  std::atomic<const Rows*>& slot = cache_[sources];
  if (const Rows* rows = slot.load(std::memory_order_acquire)) return *rows;
  std::unique_ptr<const Rows> made(MakeRows(sources));
  const Rows* expected = nullptr;
  if (slot.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *expected;  // another thread was first
}

ReedSolomon::Rows* ReedSolomon::MakeRows(uint32_t sources) const {
  const auto k = static_cast<size_t>(spec_.k);
  unsigned char picked[kMaxDataFragments * kMaxDataFragments];
  size_t at = 0;
  for (int i = 0; i < spec_.n(); ++i) {
    if (sources >> i & 1) std::memcpy(picked + k * at++, matrix_ + k * static_cast<size_t>(i), k);
  }
  unsigned char inverse[kMaxDataFragments * kMaxDataFragments];
  OPENEFS_CHECK(gf_invert_matrix(picked, inverse, spec_.k) == 0);
  auto rows = std::make_unique<Rows>();
  for (int i = 0; i < spec_.n(); ++i) {
    // Row i of matrix * inverse: fragment i as a combination of the sources.
    unsigned char row[kMaxDataFragments];
    for (size_t column = 0; column < k; ++column) {
      unsigned char sum = 0;
      for (size_t t = 0; t < k; ++t) {
        sum ^= gf_mul(matrix_[static_cast<size_t>(i) * k + t], inverse[t * k + column]);
      }
      row[column] = sum;
    }
    ec_init_tables(spec_.k, 1, row, rows->of[i].tables);
  }
  return rows.release();
}

}  // namespace openefs::datastore
