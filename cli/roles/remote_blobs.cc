#include "cli/roles/remote_blobs.h"

#include "common/clock.h"
#include "common/rpc/channel.h"

namespace openefs::cli {

std::shared_ptr<datastore::DataNodeClient> ConnectRemoteDataNode(const pb::DataNode& node) {
  return datastore::MakeRpcDataNodeClient(rpc::MakeChannel(node.address()));
}

std::unique_ptr<datastore::BlobClient> MakeRemoteBlobClient() {
  return datastore::MakeBlobClient(ConnectRemoteDataNode, {}, SystemClock::Get());
}

}  // namespace openefs::cli
