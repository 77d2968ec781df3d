#include "cli/roles/metadata_status.h"

#include <future>
#include <memory>
#include <utility>

#include "common/rpc/channel.h"

namespace openefs::cli {

absl::StatusOr<pb::MetadataNodeStatus> AskMetadataNode(rpc::Channel& channel, int64_t timeout_ms) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<rpc::Message>>>();
  auto answer = promise->get_future();
  channel.Call(
      rpc::Method::kMetadataStatus, {}, timeout_ms,
      [promise](absl::StatusOr<rpc::Message> reply) { promise->set_value(std::move(reply)); });
  const absl::StatusOr<rpc::Message> reply = answer.get();
  if (!reply.ok()) return reply.status();
  pb::MetadataNodeStatus status;
  if (status.ParseFromString(reply->header)) return status;
  return absl::InternalError("the node's status does not parse");
}

}  // namespace openefs::cli
