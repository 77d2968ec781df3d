#include "common/rpc/serving.h"

#include <string>

#include "common/check.h"

namespace openefs::rpc {

Frame ReplyFrame(uint64_t call_id, absl::StatusOr<Message> result) {
  Frame frame{.kind = FrameKind::kReply, .call_id = call_id};
  if (result.ok()) {
    frame.message = *std::move(result);
    if (FrameBytes(frame) <= kMaxFrameBytes) return frame;
    result = absl::InternalError("reply too large");
  }
  frame.status = result.status().code();
  frame.message = {std::string(result.status().message().substr(0, kMaxStatusTextBytes)), {}};
  return frame;
}

Reply::~Reply() {
  if (stream_ != nullptr) (*this)(absl::InternalError("the handler gave no reply"));
}

void Reply::operator()(absl::StatusOr<Message> result) {
  OPENEFS_CHECK(stream_ != nullptr);  // a second reply to one request
  std::exchange(stream_, nullptr)->AnswerCall(call_id_, request_bytes_, std::move(result));
}

}  // namespace openefs::rpc
