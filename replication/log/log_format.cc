#include "replication/log/log_format.h"

#include <isa-l/crc.h>

#include <bit>
#include <limits>

#include "common/check.h"

namespace openefs::replication {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kSegmentMagic = 0x474f4c5246454f31;  // "1OEFRLOG"
constexpr uint32_t kFrameMagic = 0x4d524601;

// Frame header: magic, crc of the rest, sequence, payload bytes, zero.
constexpr size_t kFrameCrcOffset = 4;
constexpr size_t kFrameCrcCovers = 8;
// Record header: crc of the rest and the body, body bytes, group, kind and three zero bytes.
constexpr size_t kRecordCrcCovers = 4;

uint32_t Crc(std::string_view bytes, uint64_t salt) {
  OPENEFS_CHECK(bytes.size() <= std::numeric_limits<int>::max());
  const uint32_t init = static_cast<uint32_t>(salt) ^ static_cast<uint32_t>(salt >> 32);
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return crc32_iscsi(data, static_cast<int>(bytes.size()), init);
}

void PutAt(std::string& out, size_t offset, uint32_t value) {
  __builtin_memcpy(out.data() + offset, &value, sizeof value);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string page;
  PutInt(page, kSegmentMagic);
  PutInt(page, kLogVersion);
  PutInt(page, header.number);
  PutInt(page, header.salt);
  PutInt(page, header.first_frame);
  PutInt(page, Crc(page, 0));
  page.resize(kSegmentHeaderBytes);
  return page;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view page) {
  if (page.size() < kSegmentHeaderBytes) return std::nullopt;
  std::string_view rest = page;
  uint64_t magic;
  uint32_t version, crc;
  SegmentHeader header;
  if (!GetInt(rest, magic) || magic != kSegmentMagic) return std::nullopt;
  if (!GetInt(rest, version) || version != kLogVersion) return std::nullopt;
  GetInt(rest, header.number);
  GetInt(rest, header.salt);
  GetInt(rest, header.first_frame);
  const size_t covered = page.size() - rest.size();
  if (!GetInt(rest, crc) || crc != Crc(page.substr(0, covered), 0)) return std::nullopt;
  return header;
}

size_t FrameWriter::AddRecord(GroupId group, RecordKind kind, std::string_view head,
                              std::string_view tail) {
  const size_t offset = bytes_.size();
  PutInt(bytes_, uint32_t{0});
  PutInt(bytes_, static_cast<uint32_t>(head.size() + tail.size()));
  PutInt(bytes_, group);
  PutInt(bytes_, static_cast<uint32_t>(kind));
  bytes_.append(head).append(tail);
  const std::string_view record = std::string_view(bytes_).substr(offset + kRecordCrcCovers);
  PutAt(bytes_, offset, Crc(record, salt_));
  return offset;
}

std::string FrameWriter::Finish(uint64_t sequence) && {
  const auto payload = static_cast<uint32_t>(bytes_.size() - kFrameHeaderBytes);
  std::string header;
  PutInt(header, kFrameMagic);
  PutInt(header, uint32_t{0});
  PutInt(header, sequence);
  PutInt(header, payload);
  PutInt(header, uint32_t{0});
  PutAt(header, kFrameCrcOffset, Crc(std::string_view(header).substr(kFrameCrcCovers), salt_));
  bytes_.replace(0, kFrameHeaderBytes, header);
  bytes_.resize(FrameBytes(payload), '\0');
  return std::move(bytes_);
}

std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint64_t salt) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  std::string_view rest = bytes;
  uint32_t magic, crc;
  FrameHeader header;
  if (!GetInt(rest, magic) || magic != kFrameMagic) return std::nullopt;
  GetInt(rest, crc);
  if (crc != Crc(bytes.substr(kFrameCrcCovers, kFrameHeaderBytes - kFrameCrcCovers), salt)) {
    return std::nullopt;
  }
  GetInt(rest, header.sequence);
  GetInt(rest, header.payload_bytes);
  return header;
}

std::optional<Record> DecodeRecord(std::string_view bytes, uint64_t salt) {
  std::string_view rest = bytes;
  uint32_t crc, length, kind;
  Record record;
  if (!GetInt(rest, crc) || !GetInt(rest, length) || !GetInt(rest, record.group)) {
    return std::nullopt;
  }
  if (!GetInt(rest, kind) || rest.size() < length) return std::nullopt;
  record.body = rest.substr(0, length);
  const size_t covered = record.bytes() - kRecordCrcCovers;
  if (crc != Crc(bytes.substr(kRecordCrcCovers, covered), salt)) return std::nullopt;
  record.kind = static_cast<RecordKind>(kind);
  return record;
}

}  // namespace openefs::replication
