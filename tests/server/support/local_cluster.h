// A whole cluster in one process and one temporary directory: a metadata service with one voter on
// RocksDB, six data nodes in three AZs, front-ends on any port of 127.0.0.1.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "datastore/client/blob_client.h"
#include "datastore/node/data_node.h"
#include "metadata/service/metadata_service.h"
#include "replication/node/transport.h"
#include "server/nfs4/front_end.h"
#include "server/rpc/io_pool.h"
#include "tests/common/temp_dir.h"

namespace openefs::testing {

class LocalCluster {
 public:
  explicit LocalCluster(size_t front_ends = 1,
                        const std::vector<std::string>& file_systems = {"fs-one"});
  ~LocalCluster();

  uint16_t port(size_t index = 0) const { return front_ends_.at(index)->port(); }

  // Takes everything down and brings it up again from what is on disk. Ports change.
  void Restart();

  // A front-end goes away without a word; another comes, on another port.
  void ReplaceFrontEnd(size_t index);

  // From now on a data node answers nobody, or answers again. Nodes 1 and 2 are in one AZ, 3 and 4,
  // 5 and 6.
  void SetUnreachable(NodeId node, bool unreachable);

 private:
  void Start();
  void Stop();
  void StartMetadata();
  void StartDataNodes();
  void StartFrontEnd(size_t index);
  void Format(const std::vector<std::string>& file_systems);
  pb::OperationResult RunOne(GroupId group, pb::Operation operation);
  std::unique_ptr<metadata::MetadataClient> NewMetadataClient();
  std::unique_ptr<datastore::BlobClient> NewBlobClient();

  TempDir directory_;
  const size_t front_end_count_;

  std::unique_ptr<replication::LocalNetwork> network_;
  std::unique_ptr<replication::Transport> transport_;
  std::unique_ptr<metadata::MetadataService> metadata_;
  std::map<NodeId, std::unique_ptr<datastore::DataNode>> data_nodes_;
  std::map<NodeId, std::shared_ptr<std::atomic<bool>>> unreachable_;
  std::unique_ptr<rpc::IoPool> io_;
  std::vector<std::unique_ptr<metadata::MetadataClient>> clients_;
  std::vector<std::unique_ptr<datastore::BlobClient>> blobs_;
  std::vector<std::unique_ptr<nfs4::FrontEnd>> front_ends_;
};

}  // namespace openefs::testing
