#include "common/rpc/frame.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace openefs::rpc {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are copied as they lie");

// Pieces below this are copied together: a slice of its own costs more than so many bytes.
constexpr size_t kCopyBelow = 1024;

struct Prefix {
  uint8_t kind;
  uint8_t status;
  uint16_t zero;
  uint32_t method;
  uint64_t call_id;
  uint32_t header_bytes;
  uint32_t payload_bytes;
};
static_assert(sizeof(Prefix) == kFramePrefixBytes);

constexpr auto kLastStatus = static_cast<uint8_t>(absl::StatusCode::kUnauthenticated);

// Collects pieces, small ones copied into shared runs.
class BatchWriter {
 public:
  void AppendCopy(const void* bytes, size_t size) {
    small_.append(static_cast<const char*>(bytes), size);
  }
  void Append(Buffer piece) {
    if (piece.size() < kCopyBelow) {
      small_.append(piece.view());
      return;
    }
    EndRun();
    pieces_.push_back(std::move(piece));
  }
  void AppendString(std::string bytes) {
    if (bytes.size() < kCopyBelow) {
      small_ += bytes;
    } else {
      Append(Buffer::FromString(std::move(bytes)));
    }
  }
  BufferList Finish() && {
    EndRun();
    return std::move(pieces_);
  }

 private:
  void EndRun() {
    if (!small_.empty()) pieces_.push_back(Buffer::FromString(std::exchange(small_, {})));
  }

  BufferList pieces_;
  std::string small_;
};

void Encode(Frame frame, BatchWriter& out) {
  const Prefix prefix = {
      .kind = static_cast<uint8_t>(frame.kind),
      .status = static_cast<uint8_t>(frame.status),
      .zero = 0,
      .method = frame.method,
      .call_id = frame.call_id,
      .header_bytes = static_cast<uint32_t>(frame.message.header.size()),
      .payload_bytes = static_cast<uint32_t>(TotalBytes(frame.message.payload)),
  };
  out.AppendCopy(&prefix, sizeof prefix);
  out.AppendString(std::move(frame.message.header));
  for (Buffer& piece : frame.message.payload) out.Append(std::move(piece));
}

// Walks over bytes that lie in several pieces.
class Reader {
 public:
  explicit Reader(const BufferList& pieces) : pieces_(pieces), left_(TotalBytes(pieces)) {}
  size_t left() const { return left_; }

  void Copy(char* out, size_t size) {
    Take(size, [&out](const Buffer& piece) {
      std::memcpy(out, piece.data(), piece.size());
      out += piece.size();
    });
  }
  BufferList Share(size_t size) {
    BufferList shared;
    Take(size, [&shared](const Buffer& piece) { shared.push_back(piece); });
    return shared;
  }

 private:
  template <typename Visit>
  void Take(size_t size, Visit visit) {
    OPENEFS_CHECK(size <= left_);
    left_ -= size;
    while (size > 0) {
      const Buffer part = pieces_[index_].Slice(offset_, size);
      if (!part.empty()) visit(part);
      size -= part.size();
      offset_ += part.size();
      if (offset_ < pieces_[index_].size()) continue;
      ++index_;
      offset_ = 0;
    }
  }

  const BufferList& pieces_;
  size_t left_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

bool IsKnownKind(uint8_t kind) {
  return kind >= static_cast<uint8_t>(FrameKind::kRequest) &&
         kind <= static_cast<uint8_t>(FrameKind::kOneWay);
}

const char* WhatIsWrong(const Prefix& prefix, size_t bytes_left) {
  const bool is_reply = prefix.kind == static_cast<uint8_t>(FrameKind::kReply);
  if (!IsKnownKind(prefix.kind)) return "unknown kind";
  if (prefix.zero != 0) return "reserved bits set";
  if (prefix.status > kLastStatus) return "unknown status";
  if (prefix.status != 0 && !is_reply) return "status in a request";
  const uint64_t bytes = uint64_t{prefix.header_bytes} + prefix.payload_bytes;
  if (bytes > bytes_left) return "longer than its batch";
  if (bytes + kFramePrefixBytes > kMaxFrameBytes) return "too long";
  return nullptr;
}

absl::StatusOr<Frame> DecodeFrame(Reader& reader) {
  if (reader.left() < kFramePrefixBytes) return absl::InvalidArgumentError("frame: cut off");
  std::array<char, kFramePrefixBytes> raw;
  reader.Copy(raw.data(), raw.size());
  const auto prefix = std::bit_cast<Prefix>(raw);
  if (const char* wrong = WhatIsWrong(prefix, reader.left())) {
    return absl::InvalidArgumentError(absl::StrCat("frame: ", wrong));
  }
  Frame frame;
  frame.kind = static_cast<FrameKind>(prefix.kind);
  frame.status = static_cast<absl::StatusCode>(prefix.status);
  frame.method = prefix.method;
  frame.call_id = prefix.call_id;
  frame.message.header.resize(prefix.header_bytes);
  reader.Copy(frame.message.header.data(), prefix.header_bytes);
  frame.message.payload = reader.Share(prefix.payload_bytes);
  return frame;
}

}  // namespace

size_t FrameBytes(const Frame& frame) {
  return kFramePrefixBytes + frame.message.header.size() + TotalBytes(frame.message.payload);
}

absl::StatusOr<std::vector<Frame>> DecodeBatch(const BufferList& batch) {
  Reader reader(batch);
  if (reader.left() > kMaxBatchBytes) return absl::InvalidArgumentError("batch: too long");
  std::vector<Frame> frames;
  while (reader.left() > 0) {
    if (frames.size() == kMaxBatchFrames) {
      return absl::InvalidArgumentError("batch: too many frames");
    }
    absl::StatusOr<Frame> frame = DecodeFrame(reader);
    if (!frame.ok()) return frame.status();
    frames.push_back(*std::move(frame));
  }
  return frames;
}

void Outbox::Push(Frame frame) {
  const size_t bytes = FrameBytes(frame);
  OPENEFS_CHECK(bytes <= kMaxFrameBytes);
  bytes_ += bytes;
  if (frame.kind == FrameKind::kOneWay) {
    ++one_way_frames_;
    one_way_bytes_ += bytes;
  }
  frames_.push_back(std::move(frame));
}

bool Outbox::TakesOneWay(const Frame& frame) const {
  if (one_way_frames_ == 0) return true;
  return one_way_frames_ < kMaxOneWayMessages &&
         one_way_bytes_ + FrameBytes(frame) <= kMaxOneWayBytes;
}

void Outbox::Clear() {
  frames_.clear();
  bytes_ = one_way_frames_ = one_way_bytes_ = 0;
}

BufferList Outbox::TakeBatch() {
  BatchWriter writer;
  size_t bytes = 0;
  for (size_t n = 0; n < kMaxBatchFrames && !frames_.empty() && bytes < kBatchBytes; ++n) {
    const size_t more = FrameBytes(frames_.front());
    bytes += more;
    if (frames_.front().kind == FrameKind::kOneWay) {
      --one_way_frames_;
      one_way_bytes_ -= more;
    }
    Encode(std::move(frames_.front()), writer);
    frames_.pop_front();
  }
  bytes_ -= bytes;
  return std::move(writer).Finish();
}

}  // namespace openefs::rpc
