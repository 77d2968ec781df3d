// What stands in a segment file: records, one after the other, each on a multiple of kRecordAlign.
//
//   put        header (64 bytes) | CRC32C of each block (4 bytes each) | fragment bytes | padding
//   tombstone  header (64 bytes)
//
// All integers are little-endian. The header's own CRC32C covers the block table too and begins
// with the store id and the segment id, so that bytes of a client that look like a record, and
// records of another store or segment, are never taken for one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/buffer.h"
#include "common/ids.h"

namespace openefs::datastore {

inline constexpr uint32_t kRecordAlign = 64;
inline constexpr uint32_t kRecordHeaderBytes = 64;

// The unit that is checked when a part of a fragment is read: small enough that a 4 KiB read stays
// cheap, large enough that the table is 0.02 % of the bytes.
inline constexpr uint32_t kBlockBytes = 16u << 10;

// One fragment is at most a whole blob (three-way replication).
inline constexpr uint32_t kMaxFragmentBytes = 8u << 20;

enum class RecordType : uint8_t { kPut = 1, kTombstone = 2 };

using BlockCrcs = std::vector<uint32_t>;

constexpr uint32_t BlocksOf(uint32_t length) { return (length + kBlockBytes - 1) / kBlockBytes; }

// From the beginning of a put record to its fragment bytes.
constexpr uint32_t DataOffsetOf(uint32_t length) {
  return kRecordHeaderBytes + 4 * BlocksOf(length);
}
constexpr uint64_t AlignedRecord(uint64_t bytes) {
  return (bytes + kRecordAlign - 1) / kRecordAlign * kRecordAlign;
}
// With its padding.
constexpr uint64_t PutRecordBytes(uint32_t length) {
  return AlignedRecord(uint64_t{DataOffsetOf(length)} + length);
}
inline constexpr uint64_t kTombstoneBytes = kRecordHeaderBytes;

struct Record {
  RecordType type = RecordType::kPut;
  FragmentId id;
  uint32_t length = 0;          // put: fragment bytes
  uint64_t killed_segment = 0;  // tombstone: where the fragment was that it forgets
  BlockCrcs crcs;               // put: of each block

  uint64_t Bytes() const {
    return type == RecordType::kPut ? PutRecordBytes(length) : kTombstoneBytes;
  }
};

// Seeds the CRC of headers: known to the store only.
uint32_t RecordSeed(std::string_view store_id, uint64_t segment);

// Header and block table, without the bytes.
std::string EncodeRecord(const Record& record, uint32_t seed);

BlockCrcs CrcsOf(const BufferList& bytes);

// True if all blocks from `first_block` on that `bytes` holds match. `bytes` begins with that block
// and ends with a whole block or the fragment.
bool BlocksMatch(const BlockCrcs& crcs, size_t first_block, std::string_view bytes);

struct ParsedRecord {
  enum Verdict {
    kValid,
    kNone,  // no header here
    kTorn,  // a header whose bytes do not match, or are not all there
  } verdict = kNone;
  Record record;
};

// The record that begins at the first byte of `bytes`, if one does.
ParsedRecord ParseRecord(std::string_view bytes, uint32_t seed);

}  // namespace openefs::datastore
