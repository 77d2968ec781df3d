// What travels on a stream between two roles. A stream message is a batch of frames, each:
//
//   u8  kind           FrameKind
//   u8  status         absl::StatusCode of a reply; 0 otherwise
//   u16 0
//   u32 method         of a request or one-way message; 0 in a reply
//   u64 call id        of a request and its reply; 0 in a one-way message
//   u32 header length
//   u32 payload length
//   header bytes, payload bytes
//
// Little-endian. The header of a reply that failed is the text of its status.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "common/buffer.h"
#include "common/rpc/channel.h"

namespace openefs::rpc {

enum class FrameKind : uint8_t { kRequest = 1, kReply = 2, kOneWay = 3 };

struct Frame {
  FrameKind kind = FrameKind::kRequest;
  absl::StatusCode status = absl::StatusCode::kOk;
  uint32_t method = 0;
  uint64_t call_id = 0;
  Message message;
};

inline constexpr size_t kFramePrefixBytes = 24;

// The largest frame: 64 blobs of the largest size, more than any call carries.
inline constexpr size_t kMaxFrameBytes = size_t{64} << 20;
// A batch takes no more frames once it is this large: big enough that its cost is its bytes, small
// enough that a small frame behind it does not wait long.
inline constexpr size_t kBatchBytes = size_t{2} << 20;
inline constexpr size_t kMaxBatchFrames = 4096;
// What a receiver accepts as one batch.
inline constexpr size_t kMaxBatchBytes = kBatchBytes + kMaxFrameBytes;
// The text of a failed call that goes over the wire.
inline constexpr size_t kMaxStatusTextBytes = 4096;

size_t FrameBytes(const Frame& frame);

// The frames of one batch, in order; payloads are slices of `batch`. INVALID_ARGUMENT for anything
// that a well-behaved peer does not send.
absl::StatusOr<std::vector<Frame>> DecodeBatch(const BufferList& batch);

// Frames that wait for the stream. One thread at a time.
class Outbox {
 public:
  void Push(Frame frame);
  bool empty() const { return frames_.empty(); }
  size_t bytes() const { return bytes_; }
  // Whether a one-way message may wait here too: kMaxOneWayBytes, kMaxOneWayMessages.
  bool TakesOneWay(const Frame& frame) const;
  void Clear();

  // Encodes and removes the first frames: at least one, at most kMaxBatchFrames, and no further one
  // after kBatchBytes. Payloads are shared, not copied, unless they are small.
  BufferList TakeBatch();

 private:
  std::deque<Frame> frames_;
  size_t bytes_ = 0;
  size_t one_way_frames_ = 0;
  size_t one_way_bytes_ = 0;
};

}  // namespace openefs::rpc
