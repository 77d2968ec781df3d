// How other roles reach one data node.
#pragma once

#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/buffer.h"
#include "common/ids.h"
#include "proto/datastore.pb.h"

namespace openefs::rpc {
class Channel;
}  // namespace openefs::rpc

namespace openefs::datastore {

class DataNode;

class DataNodeClient {
 public:
  virtual ~DataNodeClient() = default;

  // All callbacks run exactly once, on any thread, possibly inside the call; they must not block.

  // Stores a whole fragment. OK: it is on disk (fsync) and checksummed. Storing the same fragment
  // again with the same bytes is OK; with other bytes ALREADY_EXISTS. RESOURCE_EXHAUSTED: disk
  // full. INTERNAL: the node's disk fails, it will not acknowledge again until it is looked after.
  virtual void Put(FragmentId id, BufferList bytes,
                   absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Bytes [offset, offset + length), checked against their CRC32C. NOT_FOUND; DATA_LOSS: corrupt.
  virtual void Get(FragmentId id, uint32_t offset, uint32_t length,
                   absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) = 0;

  // Forgets fragments; ones it does not have are fine. Durable when done.
  virtual void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) = 0;

  virtual void List(pb::ListFragmentsRequest request,
                    absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) = 0;
  virtual void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) = 0;
};

std::unique_ptr<DataNodeClient> MakeDirectDataNodeClient(DataNode* node);
std::unique_ptr<DataNodeClient> MakeRpcDataNodeClient(std::shared_ptr<rpc::Channel> channel);

}  // namespace openefs::datastore
