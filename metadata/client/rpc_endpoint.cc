// The endpoint of a service in another process. serve_metadata.cc is the other side.
#include <memory>
#include <utility>

#include "common/rpc/channel.h"
#include "metadata/client/metadata_client.h"

namespace openefs::metadata {
namespace {

// Longer than any attempt of a client: it is the client that gives up first.
constexpr int64_t kCallTimeoutMs = 30'000;

// What a failed call means. The channel's own UNAVAILABLE may hide a request that arrived, unless
// the channel knows that it never left; the service says RESOURCE_EXHAUSTED, as the channel does
// for what it never sent, where it did nothing.
absl::Status Meaning(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return failure;
    case absl::StatusCode::kResourceExhausted:
      return absl::UnavailableError(failure.message());
    case absl::StatusCode::kUnavailable:
      if (rpc::WasNotSent(failure)) return absl::UnavailableError(failure.message());
      return absl::UnknownError(failure.message());
    default:
      return absl::UnknownError(failure.message());
  }
}

absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> Decode(
    const absl::StatusOr<rpc::Message>& reply) {
  if (!reply.ok()) return Meaning(reply.status());
  auto response = std::make_unique<pb::SegmentResponse>();
  if (!response->ParseFromString(reply->header)) {
    return absl::UnknownError("the metadata node's answer does not parse");
  }
  return response;
}

class RpcEndpoint final : public MetadataEndpoint {
 public:
  explicit RpcEndpoint(std::shared_ptr<rpc::Channel> channel) : channel_(std::move(channel)) {}

  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    rpc::Message message;
    message.header = request->SerializeAsString();
    channel_->Call(rpc::Method::kMetadataExecute, std::move(message), kCallTimeoutMs,
                   [done = std::move(done)](absl::StatusOr<rpc::Message> reply) mutable {
                     done(Decode(reply));
                   });
  }

 private:
  const std::shared_ptr<rpc::Channel> channel_;
};

}  // namespace

std::unique_ptr<MetadataEndpoint> MakeRpcEndpoint(std::shared_ptr<rpc::Channel> channel) {
  return std::make_unique<RpcEndpoint>(std::move(channel));
}

}  // namespace openefs::metadata
