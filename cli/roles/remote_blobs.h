// Data nodes that are other processes.
#pragma once

#include <memory>

#include "datastore/client/blob_client.h"
#include "datastore/client/data_node_client.h"
#include "proto/cluster.pb.h"

namespace openefs::cli {

// Connects in the background, by the address in the cluster map.
std::shared_ptr<datastore::DataNodeClient> ConnectRemoteDataNode(const pb::DataNode& node);

std::unique_ptr<datastore::BlobClient> MakeRemoteBlobClient(
    const datastore::BlobClientOptions& options = {});

}  // namespace openefs::cli
