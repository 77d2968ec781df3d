// How other roles reach the metadata service.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "proto/metadata.pb.h"

namespace openefs::rpc {
class Channel;
}  // namespace openefs::rpc

namespace openefs::metadata {

class MetadataService;

using SegmentCallback =
    absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>)>;

// One replica's service. Errors:
//   FAILED_PRECONDITION  it does not lead that group; nothing was done. The message is the leader's
//                        node id in decimal, or empty if it does not know.
//   UNAVAILABLE          nothing was done; try again.
//   UNKNOWN              it may or may not have taken effect: a retry with the same slot finds out.
//   INVALID_ARGUMENT     the request is malformed; do not retry.
class MetadataEndpoint {
 public:
  virtual ~MetadataEndpoint() = default;

  // `done` runs exactly once, on any thread, possibly inside the call; it must not block.
  virtual void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) = 0;

  // The answer of Execute to a request that changes nothing, if it can be had here and now: a
  // service in this process that holds a read lease and has what it takes in memory. Otherwise
  // null, and nothing was done. Any thread; never blocks.
  virtual std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest&) {
    return nullptr;
  }
};

std::unique_ptr<MetadataEndpoint> MakeDirectEndpoint(MetadataService* service);
std::unique_ptr<MetadataEndpoint> MakeRpcEndpoint(std::shared_ptr<rpc::Channel> channel);

// Finds the leader of the request's group, follows hints, waits and retries while there is none.
// A request without a slot whose outcome is UNKNOWN is retried only if it has no mutation or all
// its mutations are repeatable; otherwise UNKNOWN goes to the caller.
class MetadataClient {
 public:
  virtual ~MetadataClient() = default;  // outstanding calls end with CANCELLED first

  // `done` runs exactly once, on any thread, possibly inside the call; it must not block.
  // UNAVAILABLE: no leader within the client's patience (options.patience_ms), the outcome of a
  // mutation with a slot is then still open and a later retry of the same slot settles it.
  virtual void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) = 0;

  // As MetadataEndpoint's, of the node that leads.
  virtual std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest&) {
    return nullptr;
  }
};

// One whose nodes may become more.
class GrowingMetadataClient : public MetadataClient {
 public:
  // A node that has joined since; one that is known already stays as it is. Any thread.
  virtual void AddEndpoint(NodeId node, std::unique_ptr<MetadataEndpoint> endpoint) = 0;
};

struct MetadataClientOptions {
  int64_t patience_ms = 20'000;  // then the NFS client hears NFS4ERR_DELAY
  int64_t attempt_timeout_ms = 5'000;
  // A leader that has been silent for this long is doubted: the other nodes are asked who leads. It
  // may be stopped, or cut off without its connections being closed, and another elected meanwhile.
  int64_t doubt_after_ms = 500;
  int64_t retry_wait_ms = 20;  // grows to ten times that
};

// `endpoints` by metadata node id.
std::unique_ptr<GrowingMetadataClient> MakeMetadataClient(
    std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints, MetadataClientOptions options);

}  // namespace openefs::metadata
