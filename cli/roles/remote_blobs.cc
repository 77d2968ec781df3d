#include "cli/roles/remote_blobs.h"

#include "common/clock.h"
#include "common/rpc/channel.h"

namespace openefs::cli {

std::shared_ptr<datastore::DataNodeClient> ConnectRemoteDataNode(const pb::DataNode& node) {
  return datastore::MakeRpcDataNodeClient(rpc::MakeChannel(node.address()));
}

std::unique_ptr<datastore::BlobClient> MakeRemoteBlobClient(
    const datastore::BlobClientOptions& options) {
  return datastore::MakeBlobClient(ConnectRemoteDataNode, options, SystemClock::Get());
}

}  // namespace openefs::cli
