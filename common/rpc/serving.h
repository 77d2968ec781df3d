// How a stream answers what the other end asks; the same at both ends.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"

namespace openefs::rpc {

// The stream that answers go out on.
class Answers {
 public:
  virtual ~Answers() = default;
  virtual void AnswerCall(uint64_t call_id, size_t request_bytes,
                          absl::StatusOr<Message> result) = 0;
};

Frame ReplyFrame(uint64_t call_id, absl::StatusOr<Message> result);

// The one answer a handler owes. Moved around by it; destroyed unused, it says so to the caller.
class Reply {
 public:
  Reply(std::shared_ptr<Answers> stream, uint64_t call_id, size_t request_bytes)
      : stream_(std::move(stream)), call_id_(call_id), request_bytes_(request_bytes) {}
  Reply(Reply&& other) noexcept = default;
  ~Reply();
  void operator()(absl::StatusOr<Message> result);

 private:
  std::shared_ptr<Answers> stream_;
  uint64_t call_id_;
  size_t request_bytes_;
};

}  // namespace openefs::rpc
