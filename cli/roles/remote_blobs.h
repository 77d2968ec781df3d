// A blob client whose data nodes are other processes.
#pragma once

#include <memory>

#include "datastore/client/blob_client.h"

namespace openefs::cli {

std::unique_ptr<datastore::BlobClient> MakeRemoteBlobClient();

}  // namespace openefs::cli
