#include "cli/roles/remote_blobs.h"

#include "common/clock.h"
#include "common/rpc/channel.h"

namespace openefs::cli {

std::unique_ptr<datastore::BlobClient> MakeRemoteBlobClient() {
  auto connect = [](const pb::DataNode& node) -> std::shared_ptr<datastore::DataNodeClient> {
    return datastore::MakeRpcDataNodeClient(rpc::MakeChannel(node.address()));
  };
  return datastore::MakeBlobClient(connect, {}, SystemClock::Get());
}

}  // namespace openefs::cli
