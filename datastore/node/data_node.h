// A data node: fragments in append-only segment files, found through a RocksDB index.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/buffer.h"
#include "common/ids.h"
#include "proto/datastore.pb.h"

namespace openefs::rpc {
class Server;
}  // namespace openefs::rpc

namespace openefs::datastore {

struct DataNodeOptions {
  NodeId node_id = 0;
  std::string az;
  std::string directory;   // formatted if empty
  std::string cluster_id;  // 16 bytes: another cluster's directory is refused
  uint64_t segment_bytes = uint64_t{64} << 20;
  uint64_t reserve_bytes = uint64_t{256} << 20;  // free space below this: RESOURCE_EXHAUSTED
};

// Same calls and same promises as DataNodeClient (datastore/client/data_node_client.h).
class DataNode {
 public:
  virtual ~DataNode() = default;  // finishes what is under way
  virtual void Put(FragmentId id, BufferList bytes,
                   absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void Get(FragmentId id, uint32_t offset, uint32_t length,
                   absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) = 0;
  virtual void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual absl::StatusOr<pb::ListFragmentsResponse> List(
      const pb::ListFragmentsRequest& request) = 0;
  virtual pb::DataNodeStatus Status() = 0;
};

// One clear error for a directory of another node, cluster or version, or held by another process.
absl::StatusOr<std::unique_ptr<DataNode>> OpenDataNode(DataNodeOptions options);

// Registers the data node's methods; `node` must outlive the server.
void ServeDataNode(DataNode* node, rpc::Server* server);

}  // namespace openefs::datastore
