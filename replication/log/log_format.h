// Bytes of the shared log on disk. A directory holds segments, numbered files:
//
//   segment = header page, frame, frame, ...
//   frame   = FrameHeader, record, record, ..., zeros up to a multiple of 8
//   record  = RecordHeader, body
//
// A frame is what one fdatasync made durable; the next one is written only after that. So a damaged
// frame with a good one behind it is corruption, and a damaged last frame is a torn write that
// nobody was told of. Checksums are salted with a random number of the segment: neither bytes of an
// earlier file nor data that looks like a frame can pass for one. Integers are little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/ids.h"

namespace openefs::replication {

inline constexpr size_t kSegmentHeaderBytes = 4096;  // a page, so that frames begin on one
inline constexpr uint32_t kLogVersion = 1;

struct SegmentHeader {
  uint64_t number = 0;
  uint64_t salt = 0;
  uint64_t first_frame = 0;  // sequence number of the first frame
};

// A full header page.
std::string EncodeSegmentHeader(const SegmentHeader& header);
// Nothing if it is damaged or of another version.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view page);

inline constexpr size_t kFrameHeaderBytes = 24;
inline constexpr size_t kFrameAlignment = 8;

struct FrameHeader {
  uint64_t sequence = 0;
  uint32_t payload_bytes = 0;  // padding not counted
};

constexpr size_t FrameBytes(size_t payload_bytes) {
  const size_t bytes = kFrameHeaderBytes + payload_bytes;
  return (bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

enum class RecordKind : uint8_t {
  kEntry = 1,
  kHardState = 2,
  kTruncation = 3,
  kConfiguration = 4,  // as of the log's front; entries of that kind override it from there on
  kReset = 5,
};

inline constexpr size_t kRecordHeaderBytes = 16;

struct Record {
  GroupId group = 0;
  RecordKind kind = RecordKind::kEntry;
  std::string_view body;
  size_t bytes() const { return kRecordHeaderBytes + body.size(); }
};

// Builds one frame: records are appended, then Finish.
class FrameWriter {
 public:
  explicit FrameWriter(uint64_t salt) : salt_(salt), bytes_(kFrameHeaderBytes, '\0') {}

  // The record is `head` + `tail`. Returns its offset from the beginning of the frame.
  size_t AddRecord(GroupId group, RecordKind kind, std::string_view head,
                   std::string_view tail = {});
  size_t bytes() const { return bytes_.size(); }
  std::string Finish(uint64_t sequence) &&;

 private:
  const uint64_t salt_;
  std::string bytes_;
};

// Nothing if `bytes` does not begin with a good frame header.
std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint64_t salt);

// Nothing if `bytes` does not begin with a whole, undamaged record.
std::optional<Record> DecodeRecord(std::string_view bytes, uint64_t salt);

// Fixed-width integers for record bodies.
template <typename T>
void PutInt(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename T>
bool GetInt(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  __builtin_memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

}  // namespace openefs::replication
