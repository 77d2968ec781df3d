#include "datastore/node/record.h"

#include <algorithm>

#include "common/check.h"
#include "datastore/codes/crc32c.h"
#include "datastore/node/coding.h"

namespace openefs::datastore {
namespace {

constexpr uint32_t kMagic = 0x46454F52;  // "ROEF"

// Where each field of the header stands.
constexpr size_t kMagicAt = 0;
constexpr size_t kTypeAt = 4;
constexpr size_t kBlobHighAt = 8;
constexpr size_t kBlobLowAt = 16;
constexpr size_t kIndexAt = 24;
constexpr size_t kLengthAt = 28;
constexpr size_t kKilledAt = 32;
constexpr size_t kCrcAt = 60;  // 40 to 59 are zero, for later
static_assert(kCrcAt + 4 == kRecordHeaderBytes);

bool KnownShape(std::string_view header) {
  if (LoadLittle<uint32_t>(header, kMagicAt) != kMagic) return false;
  const uint32_t type = LoadLittle<uint32_t>(header, kTypeAt);
  const uint32_t length = LoadLittle<uint32_t>(header, kLengthAt);
  if (type == static_cast<uint32_t>(RecordType::kPut)) return length <= kMaxFragmentBytes;
  return type == static_cast<uint32_t>(RecordType::kTombstone) && length == 0;
}

Record DecodeHeader(std::string_view header) {
  Record record;
  record.type = static_cast<RecordType>(LoadLittle<uint32_t>(header, kTypeAt));
  record.id.blob.high = LoadLittle<uint64_t>(header, kBlobHighAt);
  record.id.blob.low = LoadLittle<uint64_t>(header, kBlobLowAt);
  record.id.index = LoadLittle<uint32_t>(header, kIndexAt);
  record.length = LoadLittle<uint32_t>(header, kLengthAt);
  record.killed_segment = LoadLittle<uint64_t>(header, kKilledAt);
  return record;
}

// Adds a run of bytes to the CRCs of the blocks it falls into.
class BlockCrcBuilder {
 public:
  void Add(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t room = kBlockBytes - filled_;
      const std::string_view part = bytes.substr(0, room);
      crc_ = Crc32c(part, crc_);
      filled_ += static_cast<uint32_t>(part.size());
      bytes.remove_prefix(part.size());
      if (filled_ == kBlockBytes) Close();
    }
  }
  BlockCrcs Take() {
    if (filled_ > 0) Close();
    return std::move(crcs_);
  }

 private:
  void Close() {
    crcs_.push_back(crc_);
    crc_ = 0;
    filled_ = 0;
  }

  BlockCrcs crcs_;
  uint32_t crc_ = 0;
  uint32_t filled_ = 0;
};

}  // namespace

uint32_t RecordSeed(std::string_view store_id, uint64_t segment) {
  std::string salt(store_id);
  AppendLittle(&salt, segment);
  return Crc32c(salt);
}

std::string EncodeRecord(const Record& record, uint32_t seed) {
  OPENEFS_CHECK(record.crcs.size() == BlocksOf(record.length));
  std::string out;
  out.reserve(kRecordHeaderBytes + 4 * record.crcs.size());
  AppendLittle(&out, kMagic);
  AppendLittle(&out, static_cast<uint32_t>(record.type));
  AppendLittle(&out, record.id.blob.high);
  AppendLittle(&out, record.id.blob.low);
  AppendLittle(&out, record.id.index);
  AppendLittle(&out, record.length);
  AppendLittle(&out, record.killed_segment);
  out.resize(kCrcAt, '\0');
  std::string table;
  for (const uint32_t crc : record.crcs) AppendLittle(&table, crc);
  AppendLittle(&out, Crc32c(table, Crc32c(out, seed)));
  return out + table;
}

BlockCrcs CrcsOf(const BufferList& bytes) {
  BlockCrcBuilder builder;
  for (const Buffer& piece : bytes) builder.Add(piece.view());
  return builder.Take();
}

bool BlocksMatch(const BlockCrcs& crcs, size_t first_block, std::string_view bytes) {
  for (size_t block = first_block; !bytes.empty(); ++block) {
    const std::string_view part = bytes.substr(0, kBlockBytes);
    if (block >= crcs.size() || Crc32c(part) != crcs[block]) return false;
    bytes.remove_prefix(part.size());
  }
  return true;
}

ParsedRecord ParseRecord(std::string_view bytes, uint32_t seed) {
  ParsedRecord parsed;
  if (bytes.size() < kRecordHeaderBytes || !KnownShape(bytes)) return parsed;
  parsed.record = DecodeHeader(bytes);
  const size_t table_bytes = 4 * size_t{BlocksOf(parsed.record.length)};
  if (bytes.size() < kRecordHeaderBytes + table_bytes) return parsed;
  const std::string_view table = bytes.substr(kRecordHeaderBytes, table_bytes);
  const uint32_t crc = Crc32c(table, Crc32c(bytes.substr(0, kCrcAt), seed));
  if (crc != LoadLittle<uint32_t>(bytes, kCrcAt)) return parsed;
  for (size_t at = 0; at < table_bytes; at += 4) {
    parsed.record.crcs.push_back(LoadLittle<uint32_t>(table, at));
  }
  const std::string_view data = bytes.substr(kRecordHeaderBytes + table_bytes);
  const bool whole = data.size() >= parsed.record.length &&
                     BlocksMatch(parsed.record.crcs, 0, data.substr(0, parsed.record.length));
  parsed.verdict = whole ? ParsedRecord::kValid : ParsedRecord::kTorn;
  return parsed;
}

}  // namespace openefs::datastore
