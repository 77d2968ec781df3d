// A client of the metadata service that learns of replicas which join after it was configured.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/ids.h"
#include "metadata/client/metadata_client.h"

namespace openefs::cli {

// Begins with `addresses` (host:port) and asks the nodes every few seconds who else there is. Nodes
// that were removed stay known: trying them costs little, and they are soon not tried any more.
std::unique_ptr<metadata::MetadataClient> FollowMetadataMembers(
    const std::map<NodeId, std::string>& addresses, const metadata::MetadataClientOptions& options);

}  // namespace openefs::cli
